// Asks the gates once per connection and principal, remembers who is in, and tells them when the connection has closed.

import type { Peer, Principal } from '../contract/envelope.ts'
import type { Refusal } from '../contract/outcome.ts'
import type { Gate } from '../contract/policy.ts'
import type { DecisionListener } from './seat.ts'

export interface SeatedGate {
  readonly name: string
  /** Where it stands in the config; absent: nobody needs to know. */
  readonly place?: string
  readonly gate: Gate
}

export interface Gates {
  /** Costs one look-up once the principal is in on this connection, whoever a proxy says that it sends for. */
  enter (principal: Principal, peer: Peer): Refusal | undefined
}

/** Calls `listener` when the connection of a peer has closed. */
type WatchClosed = (listener: (peer: Peer) => void) => void

/** The gates of one worker, in the operator's order. */
export function createGates (
  gates: readonly SeatedGate[], onDecision: DecisionListener, watchClosed: WatchClosed
): Gates {
  const inside = new WeakMap<Peer, Map<string, Principal>>()
  const gone = new WeakSet<Peer>()

  function ask (principal: Principal, peer: Peer): Refusal | undefined {
    for (const [at, { name, place = '', gate }] of gates.entries()) {
      const policy = { name, place }
      const refusal = gate.enter(principal, peer)
      if (refusal === undefined) {
        onDecision(policy, 'pass')
        continue
      }
      onDecision(policy, 'refuse', { refusal })
      for (const earlier of gates.slice(0, at)) earlier.gate.leave(principal, peer)
      return { ...refusal, policy }
    }
    return undefined
  }

  watchClosed(peer => {
    gone.add(peer)
    for (const principal of inside.get(peer)?.values() ?? []) {
      for (const { gate } of gates) gate.leave(principal, peer)
    }
    inside.delete(peer)
  })

  return {
    enter (principal, sender) {
      const peer = sender.via ?? sender
      // Authentication may take longer than its connection lasts: nobody would tell that one again that it closed.
      if (gates.length === 0 || gone.has(peer)) return undefined
      const known = inside.get(peer)
      if (known?.has(principal.name) === true) return undefined
      const refusal = ask(principal, peer)
      if (refusal !== undefined) return refusal
      if (known === undefined) inside.set(peer, new Map([[principal.name, principal]]))
      else known.set(principal.name, principal)
      return undefined
    }
  }
}
