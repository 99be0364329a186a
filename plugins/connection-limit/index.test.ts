// Tests of the connection-limit policy: who may come in, and that whoever leaves makes room.

import t from 'tap'
import { anonymousPrincipal, principalOf } from '../../src/contract/principal.ts'
import { peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { tablesFor } from '../../test/support/table-rig.ts'
import type { ConnectionLimitConfig } from './config.ts'
import { connectionLimit } from './index.ts'

const config: ConnectionLimitConfig = { connectionsMax: 2, keysMax: 8 }
const anna = principalOf({ name: 'anna', groups: [], credentials: [] })
const bob = principalOf({ name: 'bob', groups: [], credentials: [] })
const setup = (): Parameters<typeof connectionLimit.create>[0] =>
  ({ config, principals: [], tables: tablesFor(connectionLimit.tables?.(config as never) ?? []), log: silentLog })

t.test('a principal has so many connections, wherever they come from, and another one has its own', async t => {
  const gate = connectionLimit.create(setup())
  t.equal(gate.enter(anna, peer), undefined)
  t.equal(gate.enter(anna, { ...peer, address: '10.0.0.2' }), undefined)
  t.match(gate.enter(anna, peer), { code: 'rate-limited', outcome: 'refused', detail: /\b2 connections\b/, retryAfterMs: 1_000 })
  t.equal(gate.enter(bob, peer), undefined)
  gate.leave(anna, peer)
  t.equal(gate.enter(anna, peer), undefined)
})

t.test('whoever is anonymous counts by its address', async t => {
  const gate = connectionLimit.create(setup())
  for (let i = 0; i < 2; i++) t.equal(gate.enter(anonymousPrincipal, peer), undefined)
  t.match(gate.enter(anonymousPrincipal, peer), { code: 'rate-limited' })
  t.equal(gate.enter(anonymousPrincipal, { ...peer, address: '10.0.0.2' }), undefined)
})
