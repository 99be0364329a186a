// The node's table of sessions, in the supervisor: which worker owns the session of a name, and to whom it goes next.

import { MessageChannel } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { RefusedFor, ToTable, ToWorker } from './messages.ts'

/** A claim, by the number its worker gave it. */
interface Claim {
  readonly worker: number
  readonly claim: number
  readonly principal: string
  /** Of two claims, this says which one is later. */
  readonly sinceMs: number
}

interface Entry {
  readonly name: string
  owner: Claim
  /** Who gets it when the owner has handed it over. */
  next: Claim | undefined
  timer: NodeJS.Timeout | undefined
}

export interface SessionTableOptions {
  /** Names that are owned at the same time. */
  readonly sessionsMax: number
  /** How long an owner may take to hand over. */
  readonly handOverTimeoutMs: number
}

/** One per node. A name has one owner at any time; of several that want it, the latest gets it. */
export class SessionTable {
  readonly gauges: ReadonlyMap<string, () => number>
  readonly #options: SessionTableOptions
  readonly #entries = new Map<string, Entry>()
  /** By worker, then by the number of the owner's claim. */
  readonly #owned = new Map<number, Map<number, Entry>>()
  readonly #ports = new Map<number, MessagePort>()
  readonly #refusedCounts: Record<RefusedFor, number> = { foreign: 0, full: 0, late: 0, overtaken: 0 }

  constructor (options: SessionTableOptions) {
    this.#options = options
    this.gauges = new Map([
      ['sessions', () => this.#entries.size],
      ['sessions_limit', () => options.sessionsMax],
      ['sessions_refused_total', () => Object.values(this.#refusedCounts).reduce((sum, one) => sum + one, 0)]
    ])
  }

  /** The port of a worker that is about to start. What one before it in the same seat had is gone. */
  attach (worker: number): MessagePort {
    this.gone(worker)
    const { port1, port2 } = new MessageChannel()
    port1.on('message', (message: ToTable) => { this.#hear(worker, message) })
    port1.unref()
    this.#ports.set(worker, port1)
    return port2
  }

  /** A worker has died: its sessions are over, and whoever waits for one of them gets it as a new one. */
  gone (worker: number): void {
    this.#ports.get(worker)?.close()
    this.#ports.delete(worker)
    const owned = this.#owned.get(worker)
    this.#owned.delete(worker)
    for (const entry of this.#entries.values()) if (entry.next?.worker === worker) this.#forgetNext(entry)
    for (const entry of owned?.values() ?? []) this.#pass(entry, undefined)
  }

  close (): void {
    for (const { timer } of this.#entries.values()) clearTimeout(timer)
    for (const port of this.#ports.values()) port.close()
  }

  #hear (worker: number, message: ToTable): void {
    if (message.kind === 'claim') return this.#claim(message.name, { ...message, worker })
    const entry = this.#owned.get(worker)?.get(message.claim)
    // A session that was passed on meanwhile is not this worker's any more.
    if (entry === undefined) return
    const state = message.kind === 'handed' ? message.state : undefined
    // Whoever waited for it waits no longer. To let go of it would be to forget what its client was told.
    const isTaken = entry.next !== undefined || state === undefined
    if (message.kind === 'handed') this.#tell(worker, { kind: 'handed-over', claim: message.claim, isTaken })
    if (!isTaken) return
    this.#owned.get(worker)?.delete(message.claim)
    this.#pass(entry, state)
  }

  #claim (name: string, { worker, claim, principal, sinceMs }: Claim): void {
    const newcomer: Claim = { worker, claim, principal, sinceMs }
    const entry = this.#entries.get(name)
    if (entry === undefined) {
      if (this.#entries.size >= this.#options.sessionsMax) return this.#refuse(newcomer, 'full')
      const made: Entry = { name, owner: newcomer, next: undefined, timer: undefined }
      this.#entries.set(name, made)
      return this.#grant(made, newcomer, undefined)
    }
    // Whoever waits for it has the same principal as its owner.
    if (entry.owner.principal !== principal) return this.#refuse(newcomer, 'foreign')
    // It was overtaken on its way here.
    if (sinceMs < (entry.next ?? entry.owner).sinceMs) return this.#refuse(newcomer, 'overtaken')
    if (entry.next !== undefined) {
      this.#refuse(entry.next, 'overtaken')
      entry.next = newcomer
      return
    }
    entry.next = newcomer
    entry.timer = setTimeout(() => { this.#late(entry) }, this.#options.handOverTimeoutMs)
    this.#tell(entry.owner.worker, { kind: 'hand-over', claim: entry.owner.claim })
  }

  /** The owner goes; the session goes to whoever waits for it, or ends. */
  #pass (entry: Entry, state: Uint8Array | undefined): void {
    clearTimeout(entry.timer)
    const { next } = entry
    entry.next = undefined
    if (next === undefined) {
      this.#entries.delete(entry.name)
      return
    }
    entry.owner = next
    this.#grant(entry, next, state)
  }

  #grant (entry: Entry, { worker, claim }: Claim, state: Uint8Array | undefined): void {
    const owned = this.#owned.get(worker) ?? new Map<number, Entry>()
    this.#owned.set(worker, owned.set(claim, entry))
    this.#tell(worker, { kind: 'granted', claim, state })
  }

  /** Two owners at a time would be worse than a client that has to come again. */
  #late (entry: Entry): void {
    if (entry.next !== undefined) this.#refuse(entry.next, 'late')
    // The owner has been asked already: what it hands over later goes to whoever waits then, or back to it.
    entry.next = undefined
  }

  #forgetNext (entry: Entry): void {
    clearTimeout(entry.timer)
    entry.next = undefined
  }

  #refuse ({ worker, claim }: Claim, reason: RefusedFor): void {
    this.#refusedCounts[reason] += 1
    this.#tell(worker, { kind: 'refused', claim, reason })
  }

  #tell (worker: number, message: ToWorker): void {
    this.#ports.get(worker)?.postMessage(message)
  }
}
