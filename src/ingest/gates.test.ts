// Gates are asked once per connection and principal, and everyone who was let in leaves exactly once.

import t from 'tap'
import type { Peer } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import { principalOf } from '../contract/principal.ts'
import { peer } from '../../test/support/odd-envelopes.ts'
import { createGates } from './gates.ts'
import type { Gates, SeatedGate } from './gates.ts'
import type { DecisionListener } from './seat.ts'

const anna = principalOf({ name: 'anna', groups: [], credentials: [] })
const bob = principalOf({ name: 'bob', groups: [], credentials: [] })
const full = refuse('rate-limited', 'too many connections')

function gateOf (name: string, notes: string[], shut: readonly string[] = []): SeatedGate {
  return {
    name,
    gate: {
      enter (principal, { connectionId }) {
        if (shut.includes(principal.name)) return full
        notes.push(`${name}: ${principal.name} enters ${connectionId}`)
        return undefined
      },
      leave: (principal, { connectionId }) => { notes.push(`${name}: ${principal.name} leaves ${connectionId}`) }
    }
  }
}

/** Gates, and a way to close a peer's connection. */
function rigOf (seated: readonly SeatedGate[], onDecision: DecisionListener): Gates & { closed (peer: Peer): void } {
  let closed = (_peer: Peer): void => {}
  const gates = createGates(seated, onDecision, listener => { closed = listener })
  return { ...gates, closed: one => { closed(one) } }
}

t.test('a gate is asked once per connection and principal', async t => {
  const notes: string[] = []
  const gates = rigOf([gateOf('a', notes)], () => {})
  for (const principal of [anna, anna, bob, anna]) t.equal(gates.enter(principal, peer), undefined)
  t.equal(gates.enter(anna, { ...peer, connectionId: 2 }), undefined)
  t.same(notes, ['a: anna enters 1', 'a: bob enters 1', 'a: anna enters 2'])
})

t.test('everyone leaves once when the connection has closed', async t => {
  const notes: string[] = []
  const gates = rigOf([gateOf('a', notes)], () => {})
  gates.enter(anna, peer)
  gates.enter(bob, peer)
  notes.length = 0
  gates.closed(peer)
  gates.closed(peer)
  t.same(notes, ['a: anna leaves 1', 'a: bob leaves 1'])
})

t.test('a connection that has closed already is not entered any more', async t => {
  const notes: string[] = []
  const gates = rigOf([gateOf('a', notes)], () => {})
  gates.closed(peer)
  t.equal(gates.enter(anna, peer), undefined)
  t.same(notes, [])
})

t.test('who is refused by a later gate leaves the earlier ones, is asked again next time, and does not leave twice', async t => {
  const notes: string[] = []
  const decisions: [string, string][] = []
  const seated = [gateOf('a', notes), gateOf('b', notes, ['anna']), gateOf('c', notes)]
  const gates = rigOf(seated, ({ name }, decision) => decisions.push([name, decision]))
  t.match(gates.enter(anna, peer), full)
  t.match(gates.enter(anna, peer), full)
  gates.closed(peer)
  t.same(notes, ['a: anna enters 1', 'a: anna leaves 1', 'a: anna enters 1', 'a: anna leaves 1'])
  t.same(decisions, [['a', 'pass'], ['b', 'refuse'], ['a', 'pass'], ['b', 'refuse']])
})

t.test('a gate judges the connection, whomever the proxy at its other end names', async t => {
  const notes: string[] = []
  const gates = rigOf([gateOf('a', notes)], () => {})
  for (const address of ['203.0.113.1', '203.0.113.2']) gates.enter(anna, { ...peer, address, via: peer })
  gates.closed(peer)
  gates.enter(bob, { ...peer, via: peer })
  t.same(notes, ['a: anna enters 1', 'a: anna leaves 1'])
})
