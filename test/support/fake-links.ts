// Links to brokers that exist only in a test: they write down what is asked of them, and the test ends each request.

import type {
  BrokerAddress, BrokerLink, ClusterMetadata, LinkListener, OpenLink, ProduceBatch, ProduceListener, ProduceResult,
  ProducerId
} from '../../src/kafka/broker-link.ts'

/** A produce request that waits for its end. */
export interface Produced {
  readonly batches: readonly ProduceBatch[]
  readonly listener: ProduceListener
  /** Answers every batch: a code, or the offset of its first record. */
  answer (result: number | { readonly offset: number } | Partial<ProduceResult>): void
}

interface LookUp { readonly topics: readonly string[], readonly told: (answer: ClusterMetadata | Error) => void }

export class FakeLink implements BrokerLink {
  readonly address: BrokerAddress
  readonly produced: Produced[] = []
  readonly lookUps: LookUp[] = []
  readonly identities: ((answer: ProducerId | Error) => void)[] = []
  readonly #listener: LinkListener
  open = false
  /** A socket that is full. */
  blocked = false
  closedWhy: Error | undefined

  constructor (address: BrokerAddress, listener: LinkListener) {
    this.address = address
    this.#listener = listener
  }

  get writable (): boolean { return this.open && !this.blocked }
  get inFlightCount (): number { return this.produced.length }

  opens (): void {
    this.open = true
    this.#listener.opened()
  }

  drains (): void {
    this.blocked = false
    this.#listener.drained()
  }

  produce (batches: readonly ProduceBatch[], _timeoutMs: number, listener: ProduceListener): void {
    if (!this.open) throw new Error('the link is not open')
    const produced: Produced = {
      batches, listener,
      answer: result => {
        this.produced.splice(this.produced.indexOf(produced), 1)
        listener.answered(batches.map(() => resultOf(result)))
      }
    }
    this.produced.push(produced)
  }

  metadata (topics: readonly string[], told: (answer: ClusterMetadata | Error) => void): void {
    this.lookUps.push({ topics, told })
  }

  initProducerId (told: (answer: ProducerId | Error) => void): void {
    this.identities.push(told)
  }

  /** Breaks: everything without an answer stays so. */
  breaks (error: Error): void {
    if (this.closedWhy !== undefined) return
    this.open = false
    this.closedWhy = error
    for (const { listener } of this.produced.splice(0)) listener.unanswered(error)
    for (const { told } of this.lookUps.splice(0)) told(error)
    for (const told of this.identities.splice(0)) told(error)
    this.#listener.closed(error)
  }

  close (reason: Error): void {
    this.breaks(reason)
  }
}

function resultOf (result: Parameters<Produced['answer']>[0]): ProduceResult {
  const nothing = { code: 0, baseOffset: -1, invalidRecords: [], leader: undefined }
  if (typeof result === 'number') return { ...nothing, code: result }
  return 'offset' in result ? { ...nothing, baseOffset: result.offset } : { ...nothing, ...result }
}

/** Every link that was asked for, in order. */
export class FakeLinks {
  readonly all: FakeLink[] = []

  readonly open: OpenLink = (address, listener) => {
    const link = new FakeLink(address, listener)
    this.all.push(link)
    return link
  }

  /** The latest link to a port. */
  to (port: number): FakeLink {
    const found = this.all.findLast(link => link.address.port === port)
    if (found === undefined) throw new Error(`nobody connected to port ${port}`)
    return found
  }
}
