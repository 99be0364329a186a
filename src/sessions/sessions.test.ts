// Sessions over two workers: one owner at a time, handed over with what it had, and bound to its principal.

import t from 'tap'
import type { Test } from 'tap'
import { until } from '../../test/support/listener-rig.ts'
import { isRefusal } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import { sessionStateBytesMax } from '../contract/session.ts'
import type { ClaimSession, Session, SessionOwner } from '../contract/session.ts'
import { createClaims } from './claims.ts'
import { SessionTable } from './table.ts'

interface Node {
  readonly table: SessionTable
  readonly workers: readonly ClaimSession[]
  readonly kill: (worker: number) => void
}

function startNode (t: Test, options: { sessionsMax?: number, handOverTimeoutMs?: number } = {}): Node {
  const table = new SessionTable({ sessionsMax: 100, handOverTimeoutMs: 20_000, ...options })
  const workers = [0, 1].map(worker => createClaims(table.attach(worker)))
  // The ports keep nothing alive by themselves.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => {
    clearInterval(alive)
    table.close()
  })
  return { table, workers, kill: worker => { table.gone(worker) } }
}

const handedOver = (): void => {}
const nobody: SessionOwner = { handOver: () => Promise.reject(new Error('not asked for here')), handedOver }
const handing = (text: string): SessionOwner => ({ handOver: async () => Buffer.from(text), handedOver })
const never: SessionOwner = { handOver: () => new Promise(() => {}), handedOver }

/** Hands over when it is told to, and keeps count of what it hears. */
class Slow implements SessionOwner {
  askedCount = 0
  readonly heard: boolean[] = []
  hand: (state: Uint8Array) => void = () => {}

  handOver (): Promise<Uint8Array> {
    this.askedCount += 1
    return new Promise(resolve => { this.hand = resolve })
  }

  handedOver (isTaken: boolean): void { this.heard.push(isTaken) }
}

async function claimed (answer: Promise<Session | Refusal> | undefined): Promise<Session> {
  const given = await answer
  if (given === undefined || isRefusal(given)) throw new Error(`refused: ${given?.detail}`)
  return given
}

async function refused (answer: Promise<Session | Refusal> | undefined): Promise<string> {
  const given = await answer
  return isRefusal(given) ? given.code : 'granted'
}

function textOf ({ state }: Session): string | undefined {
  return state === undefined ? undefined : Buffer.from(state).toString()
}

t.test('a new session has no state, and its name is free again when it is over', async t => {
  const { table, workers: [first, second] } = startNode(t)
  const session = await claimed(first?.('device-1', 'bob', nobody))
  t.equal(session.state, undefined)
  t.equal(table.gauges.get('sessions')?.(), 1)
  session.release()
  session.release()
  await until('release', () => table.gauges.get('sessions')?.() === 0)
  t.equal((await claimed(second?.('device-1', 'alice', nobody))).state, undefined)
})

for (const [where, at] of [['the same worker', 0], ['another worker', 1]] as const) {
  t.test(`a claim in ${where} gets what the owner hands over`, async t => {
    const { workers } = startNode(t)
    const old = await claimed(workers[0]?.('device-1', 'bob', handing('ids 1 2')))
    const session = await claimed(workers[at]?.('device-1', 'bob', handing('ids 3')))
    t.equal(textOf(session), 'ids 1 2')
    old.release()
    const third = await claimed(workers[0]?.('device-1', 'bob', nobody))
    t.equal(textOf(third), 'ids 3', 'releasing what was handed over does nothing')
  })
}

t.test('another principal cannot take a session', async t => {
  const { workers: [first, second] } = startNode(t)
  await claimed(first?.('device-1', 'bob', nobody))
  t.equal(await refused(second?.('device-1', 'mallory', nobody)), 'forbidden')
})

t.test('no more names are owned than the node may have', async t => {
  const { table, workers: [first, second] } = startNode(t, { sessionsMax: 1 })
  await claimed(first?.('device-1', 'bob', handing('')))
  t.equal(await refused(second?.('device-2', 'bob', nobody)), 'overloaded')
  t.equal(table.gauges.get('sessions_refused_total')?.(), 1)
  await claimed(second?.('device-1', 'bob', nobody))
})

t.test('of several that wait for a session, the latest gets it', async t => {
  const { workers: [first, second] } = startNode(t)
  const owner = new Slow()
  await claimed(first?.('device-1', 'bob', owner))
  const early = second?.('device-1', 'bob', nobody)
  await until('the question', () => owner.askedCount === 1)
  const late = first?.('device-1', 'bob', nobody)
  t.equal(await refused(early), 'overloaded')
  owner.hand(Buffer.from('x'))
  t.equal(textOf(await claimed(late)), 'x')
  t.equal(owner.askedCount, 1)
  t.same(owner.heard, [true])
})

t.test('a claim that was overtaken on its way takes the session from nobody', async t => {
  const { workers: [first, second] } = startNode(t)
  const owner = new Slow()
  await claimed(first?.('device-1', 'bob', owner, 2_000))
  t.equal(await refused(second?.('device-1', 'bob', nobody, 1_000)), 'overloaded', 'the owner came after it')
  t.equal(owner.askedCount, 0)
  const late = second?.('device-1', 'bob', nobody, 4_000)
  await until('the question', () => owner.askedCount === 1)
  t.equal(await refused(first?.('device-1', 'bob', nobody, 3_000)), 'overloaded', 'whoever waits came after it')
  owner.hand(Buffer.from('x'))
  t.equal(textOf(await claimed(late)), 'x')
})

t.test('an owner that does not hand over keeps the session, and the claim is refused in time', async t => {
  const { workers: [first, second] } = startNode(t, { handOverTimeoutMs: 20 })
  await claimed(first?.('device-1', 'bob', never))
  t.equal(await refused(second?.('device-1', 'bob', nobody)), 'overloaded')
  t.equal(await refused(second?.('device-1', 'bob', nobody)), 'overloaded')
})

t.test('what is handed over when nobody waits for it any more is its owner\'s again', async t => {
  const { table, workers: [first, second] } = startNode(t, { handOverTimeoutMs: 2_000 })
  const owner = new Slow()
  const session = await claimed(first?.('device-1', 'bob', owner))
  t.equal(await refused(second?.('device-1', 'bob', nobody)), 'overloaded')
  owner.hand(Buffer.from('x'))
  await until('the answer', () => owner.heard.length === 1)
  t.same(owner.heard, [false])
  const next = second?.('device-1', 'bob', nobody)
  await until('the second question', () => owner.askedCount === 2)
  owner.hand(Buffer.from('y'))
  t.equal(textOf(await claimed(next)), 'y')
  t.same(owner.heard, [false, true])
  session.release()
  t.equal(table.gauges.get('sessions')?.(), 1, 'releasing what was handed over does nothing')
})

t.test('a worker that dies takes its sessions with it: who waits for one begins anew', async t => {
  const { table, workers: [first, second], kill } = startNode(t)
  let asked = false
  await claimed(first?.('device-1', 'bob', { handOver: () => { asked = true; return new Promise(() => {}) }, handedOver }))
  await claimed(first?.('device-2', 'bob', nobody))
  const waiting = second?.('device-1', 'bob', nobody)
  await until('the question', () => asked)
  kill(0)
  t.equal((await claimed(waiting)).state, undefined)
  t.equal(table.gauges.get('sessions')?.(), 1)
})

t.test('a dead worker waits for nothing', async t => {
  const { table, workers: [first, second], kill } = startNode(t)
  const owner = new Slow()
  const session = await claimed(first?.('device-1', 'bob', owner))
  void second?.('device-1', 'bob', nobody)
  await until('the question', () => owner.askedCount === 1)
  kill(1)
  owner.hand(Buffer.from('x'))
  await until('the answer', () => owner.heard.length === 1)
  t.same(owner.heard, [false])
  session.release()
  await until('the end', () => table.gauges.get('sessions')?.() === 0)
})

t.test('a state that is too large is not handed over', async t => {
  const { workers: [first, second] } = startNode(t)
  await claimed(first?.('device-1', 'bob', { handOver: async () => Buffer.alloc(sessionStateBytesMax + 1), handedOver }))
  t.equal((await claimed(second?.('device-1', 'bob', nobody))).state, undefined)
})
