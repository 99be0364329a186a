// The events of one connection: passed on in runs, settled in any order, told in one write per turn of the event loop.

import { AckWindow } from '../../src/contract/ack-window.ts'
import type { Envelope, Principal } from '../../src/contract/envelope.ts'
import { isReceipt } from '../../src/contract/outcome.ts'
import type { Outcome, Receipt, Refusal, RefusalCode, Settler } from '../../src/contract/outcome.ts'
import type { Sender } from './decode.ts'
import type { Door, Live } from './door.ts'
import { ackText, nackText, receiptText } from './reply.ts'

/** What a stream needs of its connection. */
export interface Host extends Sender, Live {
  readonly door: Door
  /** An event was refused for a reason that may end the connection. */
  refusedFor (code: RefusalCode, detail: string): void
}

/** Of one connection, where it has had events refused: told in one write, and then it is the next one's turn. */
const refusedPerFlushMax = 64

/** Ticket n is the n-th event. */
export class Stream implements Settler {
  readonly #host: Host
  readonly #acks = new AckWindow()
  #run: Envelope[] = []
  #runTicket = 0
  /** Receipts and nacks of this turn. */
  #told: string[] = []
  #scheduled = false
  /** Ids whose receipt was asked for one by one. */
  #wanted: Set<number> | undefined
  /** Events since the last flush: what is settled at once counts too, so that no turn is endless. */
  turnCount = 0
  /** Events refused since the last flush. */
  #refusedCount = 0
  /** True where some of the events were refused that were taken last. */
  #wasRefused = false
  /** Of events in flight. */
  openBytes = 0
  /** When an event was last written, as the door's clock has it. */
  writtenMs = 0
  /** True where every event's receipt is told. */
  receipts = false
  /** False where nothing is told at all. */
  tells = true

  constructor (host: Host) {
    this.#host = host
  }

  get inFlightCount (): number { return this.#acks.openCount }
  get lastId (): number { return this.#acks.lastId }

  /** Takes an event. `bytes` are what it holds until it is settled. */
  push (envelope: Envelope, id: number, bytes: number): void {
    const [first] = this.#run
    if (first !== undefined && !isAlike(first, envelope)) this.pass()
    const ticket = this.#acks.open(id, bytes)
    this.openBytes += bytes
    this.turnCount += 1
    if (this.#run.push(envelope) === 1) this.#runTicket = ticket
  }

  /** True: events were refused, and now others who have some to be refused have their turn. */
  get mustWait (): boolean { return this.#wasRefused && this.#refusedCount === 0 && this.#host.door.isCrowded }

  /** False: it must wait, or so many were refused that they are told first. */
  get mayTake (): boolean {
    if (this.#refusedCount === 0) return !this.mustWait
    return this.#refusedCount < refusedPerFlushMax && !this.#host.door.isCrowded
  }

  wantReceipt (id: number): void {
    if (this.receipts) return
    this.#wanted ??= new Set()
    this.#wanted.add(id)
  }

  /** Refuses an event that the door itself does not take. */
  refuse (refusal: Refusal, id: number, channel: string): void {
    this.pass()
    const { door, principal, peer, receivedAtMs } = this.#host
    const ticket = this.#acks.open(id, 0)
    this.turnCount += 1
    this.settle(ticket, refusal)
    door.ingress.refused(refusal, { channel, principal, peer, receivedAtMs })
  }

  /** Hands on what has been collected, as one call. */
  pass (): void {
    const run = this.#run
    const [first] = run
    if (first === undefined) return
    this.#run = []
    const { ingress } = this.#host.door
    if (run.length === 1) ingress.ingest(first, this, this.#runTicket)
    else ingress.ingestMany(run, this, this.#runTicket)
  }

  settle (ticket: number, outcome: Outcome): void {
    const id = this.#acks.idOf(ticket)
    const bytes = this.#acks.bytesOf(ticket)
    if (!this.#acks.close(ticket)) return
    this.openBytes -= bytes
    if (isReceipt(outcome)) this.#written(id, outcome)
    else this.#nack(id, outcome)
    if (this.#scheduled) return
    this.#scheduled = true
    this.#host.door.flushSoon(this.#host)
  }

  #written (id: number, receipt: Receipt): void {
    this.writtenMs = this.#host.door.nowMs
    if (this.receipts || this.#wanted?.delete(id) === true) this.#told.push(receiptText(id, receipt))
  }

  #nack (id: number, refusal: Refusal): void {
    this.#wanted?.delete(id)
    this.#refusedCount += 1
    this.#host.door.refusedCount += 1
    if (this.tells) this.#told.push(nackText(id, refusal))
    this.#host.refusedFor(refusal.code, refusal.detail)
  }

  /** What is to be told now, the ack last: it passes no event whose nack or receipt was not told before. */
  takeTold (): readonly string[] {
    this.#scheduled = false
    if (this.turnCount > 0) this.#wasRefused = this.#refusedCount > 0
    this.turnCount = this.#refusedCount = 0
    const ack = this.#acks.takeAck()
    const told = this.#told
    if (ack !== undefined && this.tells) told.push(ackText(ack))
    if (told.length === 0) return nothing
    this.#told = []
    return told
  }
}

const nothing: readonly string[] = []

/** True where two events can be judged as of one request. */
function isAlike (one: Envelope, other: Envelope): boolean {
  return one.channel === other.channel && one.attributes === other.attributes && one.principal === other.principal
}

/** Nobody yet. */
export const nobody: Principal = { name: '', groups: [], anonymous: true }
