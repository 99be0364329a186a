// Tests of an issuer's keys: one fetch at a time, renewed in the background, used on while the issuer is down.

import t from 'tap'
import type { JSONWebKeySet } from 'jose'
import { silentLog } from '../../test/support/odd-envelopes.ts'
import { makeKey } from '../../test/support/token-issuer.ts'
import { FetchedKeys } from './issuer-keys.ts'
import type { KeySet } from './issuer-keys.ts'

const [first, second] = await Promise.all([makeKey('ES256', 'a'), makeKey('ES256', 'b')])
const setOf = (...keys: typeof first[]): JSONWebKeySet => ({ keys: keys.map(({ jwk }) => jwk) })

class Rig {
  nowMs = 1_000
  fetchesCount = 0
  /** Undefined: the issuer is down. */
  set: JSONWebKeySet | undefined = setOf(first)
  readonly warnings: string[] = []
  readonly keys = new FetchedKeys({
    issuer: 'https://id.example.com', refreshMs: 600_000, staleMs: 86_400_000, gapMs: 30_000, nowMs: () => this.nowMs,
    log: { ...silentLog, warn: (_fields, message) => { this.warnings.push(message) } },
    fetchKeys: async () => {
      this.fetchesCount++
      await Promise.resolve()
      if (this.set === undefined) throw new Error('down')
      return this.set
    }
  })

  search = (stale: KeySet, kid: string): ReturnType<FetchedKeys['newer']> => this.keys.newer(stale, kid, this.nowMs)
  kids = async (): Promise<unknown> => (await this.keys.current())?.jwks().keys.map(({ kid }) => kid)
  settle = (): Promise<void> => new Promise(resolve => { setImmediate(resolve) })
}

t.test('many who ask at once make for one fetch, and nothing is fetched before anybody asks', async t => {
  const rig = new Rig()
  t.equal(rig.fetchesCount, 0)
  await Promise.all(Array.from({ length: 100 }, rig.kids))
  t.same([await rig.kids(), rig.fetchesCount], [['a'], 1])
})

t.test('old keys are renewed behind the request, which does not wait', async t => {
  const rig = new Rig()
  await rig.kids()
  rig.set = setOf(first, second)
  rig.nowMs += 600_000
  t.same(await rig.kids(), ['a'])
  await rig.settle()
  t.same([await rig.kids(), rig.fetchesCount], [['a', 'b'], 2])
})

t.test('a day without the issuer changes nothing, at a fetch a minute; after it there are no keys', async t => {
  const rig = new Rig()
  await rig.kids()
  rig.set = undefined
  const startMs = rig.nowMs
  for (rig.nowMs += 600_000; rig.nowMs < startMs + 86_400_000; rig.nowMs += 10_000) {
    if (JSON.stringify(await rig.kids()) !== '["a"]') return t.fail(`no keys after ${rig.nowMs - startMs} ms`)
    await rig.settle()
  }
  t.ok(rig.fetchesCount > 1_000 && rig.fetchesCount < 1_450, `${rig.fetchesCount} fetches`)
  t.equal(await rig.kids(), undefined)
  t.equal(rig.warnings.length, 1)
  rig.set = setOf(second)
  rig.nowMs += rig.keys.retryAfterMs()
  t.same(await rig.kids(), ['b'])
})

t.test('failures back off, from a second to a minute, and say when to come back', async t => {
  const rig = new Rig()
  rig.set = undefined
  const waits: number[] = []
  for (let round = 0; round < 8; round++) {
    t.equal(await rig.kids(), undefined)
    waits.push(rig.keys.retryAfterMs())
    t.equal(await rig.kids(), undefined)
    rig.nowMs += rig.keys.retryAfterMs()
  }
  t.same(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  t.equal(rig.fetchesCount, 8)
})

t.test('a key that is not known is looked for once per gap, and taken when it is there', async t => {
  const rig = new Rig()
  const set = await rig.keys.current()
  if (set === undefined) return t.fail('keys were expected')
  rig.set = setOf(second)
  rig.nowMs += 10_000
  t.equal(await rig.search(set, 'b'), 20_000, 'what is left of the gap since the first fetch')
  t.equal(rig.fetchesCount, 1)
  rig.nowMs += 20_000
  const newer = await rig.search(set, 'b')
  t.same(newer instanceof Function && newer.jwks().keys.map(({ kid }) => kid), ['b'])
  t.equal(await rig.search(set, 'b'), newer, 'whoever comes later with the old set')
  t.equal(rig.fetchesCount, 2)
})

t.test('keys that were fetched for the token itself have the last word', async t => {
  const rig = new Rig()
  const cameMs = rig.nowMs
  rig.nowMs += 1
  const set = await rig.keys.current()
  if (set === undefined) return t.fail('keys were expected')
  t.equal(await rig.keys.newer(set, 'b', cameMs), undefined, 'there is no such key, and no need to wait for the gap')
  t.equal(await rig.keys.newer(set, 'b', rig.nowMs + 1), undefined, 'which is remembered')
  t.equal(await rig.keys.newer(set, 'c', rig.nowMs + 1), 30_000)
  t.equal(rig.fetchesCount, 1)
})

t.test('a key that is not among the new keys either is known to be none', async t => {
  const rig = new Rig()
  const set = await rig.keys.current()
  if (set === undefined) return t.fail('keys were expected')
  rig.set = setOf(first, second)
  rig.nowMs += 30_000
  const newer = await rig.search(set, 'c')
  if (!(newer instanceof Function)) return t.fail('new keys were expected')
  t.equal(await rig.search(newer, 'c'), undefined)
  t.equal(rig.fetchesCount, 2)
})

t.test('a key that the issuer does not have is not looked for again until its keys change or time is over', async t => {
  const rig = new Rig()
  const set = await rig.keys.current()
  if (set === undefined) return t.fail('keys were expected')
  let found: unknown
  const search = async (kid: string): Promise<number> => {
    const before = rig.fetchesCount
    rig.nowMs += 30_000
    found = await rig.search(set, kid)
    return rig.fetchesCount - before
  }
  t.same([await search('x'), await search('x'), await search('y'), await search('k'.repeat(300))], [1, 0, 1, 0])
  t.equal(rig.keys.unknownCount(), 2)
  rig.nowMs += 300_000
  t.equal(await search('x'), 1)
  rig.set = undefined
  t.equal(await search('z'), 1)
  t.equal(found, 1_000, 'the issuer is down: nobody can tell')
  rig.set = setOf(first, second)
  t.equal(await search('z'), 1, 'a fetch that failed says nothing about the key')
  t.equal(rig.keys.unknownCount(), 1, 'all but what the new keys have not either is forgotten')
})

t.test('ten thousand invented keys take no more room than allowed', async t => {
  const rig = new Rig()
  const set = await rig.keys.current()
  if (set === undefined) return t.fail('keys were expected')
  for (let at = 0; at < 10_000; at++) {
    rig.nowMs += 30_000
    await rig.search(set, `invented-${at}`)
  }
  t.ok(rig.keys.unknownCount() <= 1_000)
})
