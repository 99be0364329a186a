// Turns of a connection: order behind what is judged late, other connections, bounds, and work from inside work.

import fc from 'fast-check'
import t from 'tap'
import { createTurnOrder } from './turn-order.ts'
import type { TurnOrder } from './turn-order.ts'

interface Piece {
  readonly name: string
  readonly late?: Promise<void>
  /** Done while the piece runs. */
  readonly inside?: () => void
}

interface Rig { turns: TurnOrder<Piece>, ran: string[], refused: string[] }

function createRig (): Rig {
  const ran: string[] = []
  const refused: string[] = []
  const turns = createTurnOrder<Piece>({
    run ({ name, late, inside }) {
      ran.push(name)
      inside?.()
      return late
    },
    refuse: ({ name }) => { refused.push(name) }
  })
  return { turns, ran, refused }
}

function gate (): { late: Promise<void>, open: () => void, fail: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return { late: promise, open: resolve, fail: () => reject(new Error('late fault')) }
}

/** Lets every promise that is settled be heard. */
async function turnOfLoop (): Promise<void> { await new Promise(resolve => setImmediate(resolve)) }

t.test('work runs at once where nothing is held', async t => {
  const { turns, ran } = createRig()
  turns.submit(1, { name: 'a' })
  turns.submit(1, { name: 'b' })
  t.same(ran, ['a', 'b'])
  t.equal(turns.waitingCount(), 0)
})

t.test('work waits behind a held turn of its connection, and other connections do not', async t => {
  const { turns, ran } = createRig()
  const { late, open } = gate()
  turns.submit(1, { name: 'held', late })
  turns.submit(1, { name: 'second' })
  turns.submit(2, { name: 'other' })
  turns.submit(1, { name: 'third' })
  t.same(ran, ['held', 'other'])
  t.equal(turns.waitingCount(), 2)
  open()
  await turnOfLoop()
  t.same(ran, ['held', 'other', 'second', 'third'])
  t.equal(turns.waitingCount(), 0)
  turns.submit(1, { name: 'fourth' })
  t.equal(ran.at(-1), 'fourth', 'the turn is free again')
})

t.test('waiting work may hold the turn itself', async t => {
  const { turns, ran } = createRig()
  const first = gate()
  const second = gate()
  turns.submit(1, { name: 'a', late: first.late })
  turns.submit(1, { name: 'b', late: second.late })
  turns.submit(1, { name: 'c' })
  first.open()
  await turnOfLoop()
  t.same(ran, ['a', 'b'])
  turns.submit(1, { name: 'd' })
  second.open()
  await turnOfLoop()
  t.same(ran, ['a', 'b', 'c', 'd'])
})

t.test('a promise that is rejected frees the turn', async t => {
  const { turns, ran } = createRig()
  const { late, fail } = gate()
  turns.submit(1, { name: 'a', late })
  turns.submit(1, { name: 'b' })
  fail()
  await turnOfLoop()
  t.same(ran, ['a', 'b'])
})

t.test('more than 1,024 pieces waiting on one connection are refused', async t => {
  const { turns, ran, refused } = createRig()
  const { late, open } = gate()
  turns.submit(1, { name: 'held', late })
  for (let i = 0; i < 1_024; i++) turns.submit(1, { name: `${i}` })
  t.same(refused, [])
  turns.submit(1, { name: 'too many' })
  turns.submit(2, { name: 'elsewhere' })
  t.same(refused, ['too many'])
  t.equal(turns.waitingCount(), 1_024)
  open()
  await turnOfLoop()
  t.equal(ran.length, 1_026)
  t.same(ran.slice(2, 5), ['0', '1', '2'])
})

t.test('work submitted from inside work runs after it, and after what waited before it', async t => {
  const { turns, ran } = createRig()
  const { late, open } = gate()
  turns.submit(1, { name: 'held', late })
  turns.submit(1, { name: 'b', inside: () => turns.submit(1, { name: 'from b' }) })
  turns.submit(1, { name: 'c' })
  open()
  await turnOfLoop()
  t.same(ran, ['held', 'b', 'c', 'from b'])
})

t.test('work submitted from inside work that then holds the turn waits behind it', async t => {
  const { turns, ran } = createRig()
  const { late, open } = gate()
  turns.submit(1, { name: 'a', late, inside: () => turns.submit(1, { name: 'from a' }) })
  t.same(ran, ['a'])
  t.equal(turns.waitingCount(), 1)
  turns.submit(1, { name: 'b' })
  open()
  await turnOfLoop()
  t.same(ran, ['a', 'from a', 'b'])
})

t.test('work that submits work does not grow the stack', async t => {
  const { turns, ran } = createRig()
  let left = 50_000
  const next = (): Piece => ({ name: 'x', inside: () => { if (--left > 0) turns.submit(1, next()) } })
  turns.submit(1, next())
  t.equal(ran.length, 50_000)
})

t.test('whatever holds, nests and interleaves, every piece runs once and in order on its connection', async t => {
  const step = fc.record({ connection: fc.nat(2), late: fc.boolean(), nested: fc.nat(2) })
  const stepList = fc.array(step, { maxLength: 30 })
  await fc.assert(fc.asyncProperty(stepList, fc.infiniteStream(fc.nat()), async (steps, random) => {
    const { turns, ran } = createRig()
    const submitted: string[][] = [[], [], []]
    const gates: (() => void)[] = []
    let count = 0
    const submit = (connection: number, late: boolean, nested: number): void => {
      const name = `${connection} ${count++}`
      submitted[connection]?.push(name)
      const held = late ? gate() : undefined
      if (held !== undefined) gates.push(held.open)
      const inside = (): void => { for (let i = 0; i < nested; i++) submit((connection + i) % 3, late, 0) }
      turns.submit(connection, { name, inside, ...(held === undefined ? {} : { late: held.late }) })
    }
    for (const { connection, late, nested } of steps) {
      submit(connection, late, nested)
      if ((random.next().value ?? 0) % 3 === 0) {
        gates.splice((random.next().value ?? 0) % (gates.length + 1), 1)[0]?.()
        await turnOfLoop()
      }
    }
    while (gates.length > 0) {
      gates.shift()?.()
      await turnOfLoop()
    }
    if (ran.length !== count || turns.waitingCount() !== 0) throw new Error(`${ran.length} of ${count} ran`)
    for (const [connection, names] of submitted.entries()) {
      const order = ran.filter(name => name.startsWith(`${connection} `))
      if (order.join() !== names.join()) throw new Error(`${order} instead of ${names}`)
    }
  }), { numRuns: 200 })
  t.pass('no counter-example')
})
