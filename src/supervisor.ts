// Starts, watches and replaces the worker threads and asks them for reports. It knows threads, not what they do.

import { Worker } from 'node:worker_threads'
import type { MessagePort, ResourceLimits, TransferListItem } from 'node:worker_threads'
import type { Log } from './contract/adapter.ts'

export interface Address {
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

/** What a worker is told at its start: `data` is the composition's own. */
export interface WorkerStart {
  readonly index: number
  /** Ports found by the first worker, in listener order; empty for the first worker itself. */
  readonly ports: readonly number[]
  readonly data: unknown
}

export type ToWorker =
  /** For a report, or for the composition's own answer to a question. */
  | { readonly kind: 'ask', readonly id: number, readonly question?: unknown }
  | { readonly kind: 'port', readonly port: MessagePort }
  | { readonly kind: 'drain' }

export type FromWorker =
  | { readonly kind: 'listening', readonly addresses: readonly Address[] }
  | { readonly kind: 'failed', readonly message: string, readonly code: string }
  | { readonly kind: 'answer', readonly id: number, readonly answer: unknown }

export interface SupervisorOptions {
  readonly entry: URL
  readonly workerCount: number
  /** True where no worker has to find a free port for the others, so that all start at once. */
  readonly portsKnown: boolean
  /** Fresh data for a worker about to start, with what moves over to it. */
  readonly prepare: (index: number) => { data: unknown, transfer: TransferListItem[] }
  /** A worker is gone for good: reclaim what it held. Called before its successor starts. */
  readonly onGone: (index: number) => void
  /** How long the worker's heartbeat has been still. */
  readonly silentMs: (index: number, nowMs: number) => number
  readonly onStart: (index: number, nowMs: number) => void
  readonly resourceLimits: ResourceLimits
  readonly execArgv: readonly string[]
  readonly drainMs: number
  readonly log: Log
}

/** A worker that says nothing for so long is ended. */
const silentMaxMs = 5_000
/** What loading and starting may take on a busy machine, in the same way. */
const startMaxMs = 30_000
const lookEveryMs = 250
const answerTimeoutMs = 1_000
/** Waits before a start by the number of quick deaths in a row; the last one repeats. */
const backoffMs = [0, 100, 500, 1_000, 2_000, 5_000]
/** A life this long makes the next death a first one. */
const steadyMs = 10_000
/** What a drain may take on top of the configured time before the thread is ended. */
const drainGraceMs = 4_000

interface Seat {
  readonly index: number
  worker: Worker | undefined
  startedAtMs: number
  quickDeaths: number
  ready: boolean
  ended: boolean
  restart: NodeJS.Timeout | undefined
  readonly answers: Map<number, (answer: unknown) => void>
}

/** The node's worker threads. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #seats: Seat[]
  #ports: readonly number[] = []
  #addresses: readonly Address[] = []
  #stopping = false
  #lastId = 0
  #restartCount = 0
  #started = false
  #timer: NodeJS.Timeout | undefined

  constructor (options: SupervisorOptions) {
    this.#options = options
    this.#seats = Array.from({ length: options.workerCount }, (_, index) => ({
      index,
      worker: undefined,
      startedAtMs: 0,
      quickDeaths: 0,
      ready: false,
      ended: false,
      restart: undefined,
      answers: new Map()
    }))
  }

  /** Starts all workers; the first finds free ports for those configured as 0. Rejects if one cannot start. */
  async start (): Promise<readonly Address[]> {
    const [first, ...others] = this.#seats
    if (first === undefined) throw new Error('a gateway needs at least one worker')
    this.#timer = setInterval(() => this.#look(), lookEveryMs)
    if (this.#options.portsKnown) {
      const all = await Promise.all(this.#seats.map(seat => this.#launch(seat)))
      this.#addresses = all[0] ?? []
    } else this.#addresses = await this.#launch(first)
    this.#ports = this.#addresses.map(address => address.port)
    if (!this.#options.portsKnown) await Promise.all(others.map(seat => this.#launch(seat)))
    this.#started = true
    return this.#addresses
  }

  get aliveCount (): number { return this.#seats.filter(seat => seat.ready).length }
  get restartCount (): number { return this.#restartCount }

  /** The running threads, for a test that wants to break one. */
  get threads (): readonly (Worker | undefined)[] { return this.#seats.map(seat => seat.worker) }

  /** The reports of all workers that answer in time. */
  async ask (): Promise<unknown[]> {
    const answers = await Promise.all(this.#seats.map(seat => this.#askSeat(seat)))
    return answers.filter(answer => answer !== undefined)
  }

  /** The answer of one worker that is ready; undefined where none answers in time. */
  askOne (question: unknown): Promise<unknown> {
    const seat = this.#seats.find(one => one.ready)
    return seat === undefined ? Promise.resolve(undefined) : this.#askSeat(seat, question)
  }

  /** Gives every worker a port of its own to something that is one per node. */
  sendPorts (make: () => MessagePort): void {
    for (const { worker } of this.#seats) {
      if (worker === undefined) continue
      const port = make()
      worker.postMessage({ kind: 'port', port } satisfies ToWorker, [port])
    }
  }

  /** Drains all workers and ends what does not end by itself. False: one had to be ended. */
  async stop (): Promise<boolean> {
    this.#stopping = true
    clearInterval(this.#timer)
    for (const seat of this.#seats) clearTimeout(seat.restart)
    const ends = this.#seats.map(async ({ worker }) => {
      if (worker === undefined) return true
      const gone = new Promise<boolean>(resolve => worker.once('exit', () => resolve(true)))
      const timeoutMs = this.#options.drainMs + drainGraceMs
      const late = new Promise<boolean>(resolve => { setTimeout(() => resolve(false), timeoutMs).unref() })
      worker.postMessage({ kind: 'drain' } satisfies ToWorker)
      const inTime = await Promise.race([gone, late])
      if (!inTime) await worker.terminate()
      return inTime
    })
    return (await Promise.all(ends)).every(inTime => inTime)
  }

  #askSeat (seat: Seat, question?: unknown): Promise<unknown> {
    const { worker, answers } = seat
    if (worker === undefined || !seat.ready) return Promise.resolve(undefined)
    const id = ++this.#lastId
    return new Promise(resolve => {
      const timer = setTimeout(() => { answers.delete(id); resolve(undefined) }, answerTimeoutMs)
      answers.set(id, answer => {
        clearTimeout(timer)
        answers.delete(id)
        resolve(answer)
      })
      worker.postMessage({ kind: 'ask', id, question } satisfies ToWorker)
    })
  }

  /** Starts a thread in a seat. Settles when it listens, or fails before that. */
  #launch (seat: Seat): Promise<readonly Address[]> {
    const { data, transfer } = this.#options.prepare(seat.index)
    const start: WorkerStart = { index: seat.index, ports: this.#ports, data }
    const worker = new Worker(this.#options.entry, {
      workerData: start,
      transferList: transfer,
      resourceLimits: this.#options.resourceLimits,
      execArgv: [...this.#options.execArgv],
      name: `sluice-worker-${seat.index}`
    })
    seat.worker = worker
    seat.ended = false
    seat.startedAtMs = performance.now()
    this.#options.onStart(seat.index, seat.startedAtMs)
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'answer') seat.answers.get(message.id)?.(message.answer)
        else if (message.kind === 'failed') reject(Object.assign(new Error(message.message), { code: message.code }))
        else {
          seat.ready = true
          resolve(message.addresses)
        }
      })
      worker.on('error', error => {
        this.#options.log.error({ worker: seat.index, error }, 'worker failed: its events in flight are unknown')
        reject(error)
      })
      worker.once('exit', exitCode => {
        reject(new Error(`worker ${seat.index} ended with code ${exitCode} before it listened`))
        this.#gone(seat, worker)
      })
    })
  }

  #gone (seat: Seat, worker: Worker): void {
    if (seat.worker !== worker) return
    const wasReady = seat.ready
    seat.worker = undefined
    seat.ready = false
    for (const answer of seat.answers.values()) answer(undefined)
    this.#options.onGone(seat.index)
    // A first start that fails is the caller's to report; a worker that had listened is replaced.
    if (this.#stopping || (!wasReady && !this.#started)) return
    const lifeMs = performance.now() - seat.startedAtMs
    seat.quickDeaths = lifeMs >= steadyMs ? 0 : seat.quickDeaths + 1
    const delayMs = backoffMs[Math.min(Math.max(seat.quickDeaths - 1, 0), backoffMs.length - 1)] ?? 0
    this.#options.log.warn({ worker: seat.index, lifeMs: Math.round(lifeMs), delayMs }, 'worker gone, starting another')
    seat.restart = setTimeout(() => {
      this.#restartCount++
      this.#launch(seat).catch((error: unknown) => {
        this.#options.log.error({ worker: seat.index, error }, 'worker did not start')
      })
    }, delayMs)
  }

  #look (): void {
    const nowMs = performance.now()
    for (const seat of this.#seats) {
      if (seat.worker === undefined || seat.ended) continue
      const silentMs = this.#options.silentMs(seat.index, nowMs)
      if (silentMs < (seat.ready ? silentMaxMs : startMaxMs)) continue
      this.#options.log.error({ worker: seat.index, silentMs: Math.round(silentMs) }, 'worker is silent, ending it')
      seat.ended = true
      void seat.worker.terminate()
    }
  }
}
