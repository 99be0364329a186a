// The table of events between receiving and answering: who waits for which, so that each is settled exactly once.

import type { Arrival, Envelope, SingleUse } from '../contract/envelope.ts'
import type { Outcome, Settler } from '../contract/outcome.ts'

/** A ticket is a slot number and a turn: 20 and 10 bits, a small integer in which an old ticket is recognised. */
const slotBits = 20
const slotMask = (1 << slotBits) - 1
const turnMask = (1 << 10) - 1

/** What is kept of an event while it is in flight. */
export interface Entry {
  settler: Settler | undefined
  ticket: number
  /** Until it is handed to the sink: what thousands wait for there need not hold their envelopes. */
  envelope: Envelope | undefined
  /** Who sent it where, once it is in the sink: one object for all events of a request. */
  arrival: Arrival | undefined
  /** Size of its data. */
  dataBytes: number
  /** Used up where the event is or may be written. */
  singleUse: SingleUse | undefined
  door: number
  /** What the judges of events let pass, where they hold something for it until it has its outcome. */
  judged: Envelope | undefined
  /** -1 before routing. */
  routeIndex: number
  startMs: number
  /** Told of the outcome, where the event is traced. */
  trace: { readonly traceparent: string, end (outcome: Outcome): void } | undefined
}

interface Slot extends Entry { turn: number }

export interface InFlight {
  /** A new ticket for an event of `settler`, or -1 when the table is full. */
  open (settler: Settler, ticket: number): number
  /** Undefined for a ticket that was settled. */
  entry (ticket: number): Entry | undefined
  /** Settles towards the adapter and frees the slot. False: the ticket was settled before, which is a bug. */
  settle (ticket: number, outcome: Outcome): boolean
  readonly count: () => number
  /** Calls `listener` once when nothing is in flight. */
  whenEmpty (listener: () => void): void
}

function emptySlot (): Slot {
  return {
    settler: undefined, ticket: 0, envelope: undefined, arrival: undefined, dataBytes: 0, singleUse: undefined,
    judged: undefined, door: 0, routeIndex: -1, startMs: 0, trace: undefined, turn: 0
  }
}

/** A table for at most `eventsMax` events; slots are made as they are needed and used again. */
export function createInFlight (eventsMax: number): InFlight {
  const slots: Slot[] = []
  const free: number[] = []
  let openCount = 0
  let waiting: (() => void)[] = []

  function find (ticket: number): Slot | undefined {
    const slot = slots[ticket & slotMask]
    return slot !== undefined && slot.settler !== undefined && slot.turn === ticket >> slotBits ? slot : undefined
  }

  function tellEmpty (): void {
    if (openCount > 0 || waiting.length === 0) return
    const listeners = waiting
    waiting = []
    for (const listener of listeners) listener()
  }

  return {
    count: () => openCount,
    open (settler, outer) {
      if (openCount >= eventsMax) return -1
      let index = free.pop()
      if (index === undefined) {
        index = slots.length
        slots.push(emptySlot())
      }
      openCount++
      const slot = slots[index]
      if (slot === undefined) return -1
      slot.settler = settler
      slot.ticket = outer
      slot.routeIndex = -1
      return index | (slot.turn << slotBits)
    },
    entry: find,
    settle (ticket, outcome) {
      const slot = find(ticket)
      if (slot === undefined) return false
      const { settler, ticket: outer, singleUse } = slot
      slot.settler = undefined
      slot.envelope = undefined
      slot.arrival = undefined
      slot.judged = undefined
      slot.trace = undefined
      slot.singleUse = undefined
      slot.turn = (slot.turn + 1) & turnMask
      free.push(ticket & slotMask)
      openCount--
      // Before anybody is told: what its door does next may be the end of the request.
      if (singleUse !== undefined && outcome.outcome !== 'refused') singleUse.useUp()
      try {
        settler?.settle(outer, outcome)
      } finally {
        tellEmpty()
      }
      return true
    },
    whenEmpty (listener) {
      if (openCount === 0) listener()
      else waiting.push(listener)
    }
  }
}
