// What a sender is like that has many events in flight at once, in no protocol's words: for the suite over all doors.

import type { Adapter } from '../../src/contract/adapter.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import type { Told } from './clients.ts'
import { openLine } from './cuttable-line.ts'
import type { Cut } from './cuttable-line.ts'

/** What is told of an event. `refused`: that and no more. */
export type Word = Told | 'refused'

/** One connection, and what was told on it. */
export interface BusyClient {
  /** By the number of the event: they count from 0 in the order in which they were sent. */
  readonly told: ReadonlyMap<number, Word>
  /** What its end says, once nothing more can be told. */
  readonly over: Word | undefined
  /** Sends events to the channel `orders/eu`, without waiting for anything. Their data are JSON. */
  send (data: readonly Buffer[]): void
  /** Sends bytes where an event is expected. */
  garbage (bytes: Buffer): void
  /** Says that nothing more comes. */
  finish (): void
}

/** An adapter at work, and the way to it. */
export interface Place {
  readonly adapter: Adapter
  open (): Promise<BusyClient>
  /** Cuts the connections that there are. */
  cut (how: Cut): void
  close (): Promise<void> | void
}

export type Settings = Readonly<Record<string, unknown>>
/** Makes the adapter from its settings, with the suite's ingress behind it. */
export type Make = (config: unknown) => Adapter

/** A way in which senders of one door have many events in flight. */
export interface BusyForm {
  /** Of its adapter. */
  readonly door: string
  readonly name: string
  /** Settings with which so many events of one client may be in flight. */
  settings (windowEvents: number): Settings
  begin (make: Make, settings: Settings): Promise<Place>
  /** True: what a client sends is one or more requests, which end. False: a connection that stays. */
  readonly hasRequests: boolean
  /** What becomes of a client that sends more than that: what is above waits, or ends it. */
  readonly beyond: 'waits' | 'ends'
  /** Refusals that no sender is told: the event is tried again until it is written. */
  readonly held: ReadonlySet<RefusalCode>
  /** What is told of an event with any other refusal. */
  wordOf (code: RefusalCode): Word
  /** Gauges that are not about events or connections of senders, each with the reason why it may stay. */
  readonly lasting: Readonly<Record<string, string>>
}

const none: ReadonlySet<RefusalCode> = new Set()

/** A form with what most have: every refusal is told by its code, what is above the window waits. */
export function form (parts: Pick<BusyForm, 'door' | 'name' | 'settings' | 'begin'> & Partial<BusyForm>): BusyForm {
  return { hasRequests: false, beyond: 'waits', held: none, wordOf: code => code, lasting: {}, ...parts }
}

/** A place behind a line that can be cut: `serve` listens for the adapter, `open` connects to a port. */
export async function placeOf (
  adapter: Adapter, served: { readonly port: number, close (): void }, open: (port: number) => Promise<BusyClient>
): Promise<Place> {
  const line = await openLine(served.port)
  return {
    adapter,
    open: () => open(line.port),
    cut: how => { line.cut(how) },
    close () {
      line.close()
      served.close()
    }
  }
}
