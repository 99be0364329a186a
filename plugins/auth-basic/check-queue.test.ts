// Tests of the queue of checks: never too many at once, by turns, bounded in number and time, the same only once.

import t from 'tap'
import { createCheckQueue } from './check-queue.ts'
import type { CheckQueue } from './check-queue.ts'

class Check {
  startedCount = 0
  readonly #done = Promise.withResolvers<string>()
  readonly run = (): Promise<string> => {
    this.startedCount++
    return this.#done.promise
  }

  end (answer: string): void { this.#done.resolve(answer) }
  fail (): void { this.#done.reject(new Error('failed')) }
}

function queueOf (more: { runningMax?: number, waitingMax?: number, waitMs?: number }): CheckQueue<string> {
  return createCheckQueue({ runningMax: 1, waitingMax: 2, waitMs: 60_000, tooMany: 'too many', ...more })
}

t.test('as many run as may, the others wait for their turn, and those above the bound are turned away', async t => {
  const queue = queueOf({ runningMax: 2 })
  const checks = Array.from({ length: 5 }, () => new Check())
  const answers = checks.map((check, at) => queue.run(String(at), 'one', check.run))
  const started = (): number[] => checks.map(check => check.startedCount)
  t.same(started(), [1, 1, 0, 0, 0])
  t.equal(await answers[4], 'too many')
  t.same([queue.runningCount(), queue.waitingCount()], [2, 2])
  checks[1]?.end('second')
  t.equal(await answers[1], 'second')
  t.same(started(), [1, 1, 1, 0, 0])
  checks[0]?.fail()
  await t.rejects(async () => answers[0], /failed/)
  t.same(started(), [1, 1, 1, 1, 0])
  for (const check of checks) check.end('done')
  await Promise.all(answers.slice(2))
  t.same([queue.runningCount(), queue.waitingCount()], [0, 0])
})

t.test('the same key shares one check until it ends', async t => {
  const queue = queueOf({ waitingMax: 0 })
  const [one, other] = [new Check(), new Check()]
  const answers = [queue.run('a', 'one', one.run), queue.run('a', 'two', other.run)]
  one.end('one')
  t.same(await Promise.all(answers), ['one', 'one'])
  t.equal(other.startedCount, 0)
  void queue.run('a', 'one', other.run)
  t.equal(other.startedCount, 1)
})

/** Asks for these, whose names begin with who asks; gives the order in which they ran, and who was turned away. */
async function orderOf (queue: CheckQueue<string>, names: readonly string[]):
Promise<{ ran: string[], turnedAway: string[] }> {
  const ran: string[] = []
  const answers = await Promise.all(names.map(name => queue.run(name, name.slice(0, 1), async () => {
    ran.push(name)
    return 'done'
  })))
  return { ran, turnedAway: names.filter((_, at) => answers[at] !== 'done') }
}

t.test('who asks once does not wait for all of who asks often', async t => {
  const { ran, turnedAway } = await orderOf(queueOf({ waitingMax: 100 }), ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'])
  t.same(ran, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
  t.same(turnedAway, [])
})

t.test('where there is no room, who has most in the queue gives up its latest for who has fewer', async t => {
  const names = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'b1', 'b2', 'b3', 'c1']
  const { ran, turnedAway } = await orderOf(queueOf({ waitingMax: 4 }), names)
  t.same(ran, ['a1', 'a2', 'b1', 'c1', 'b2'])
  t.same(turnedAway, ['a3', 'a4', 'a5', 'a6', 'b3'])
})

t.test('whoever has waited too long is turned away, and its check never runs', async t => {
  const keepAlive = setInterval(() => {}, 1_000)
  const queue = queueOf({ waitMs: 5 })
  const [long, late] = [new Check(), new Check()]
  const first = queue.run('a', 'one', long.run)
  t.equal(await queue.run('b', 'two', late.run), 'too many')
  t.equal(queue.waitingCount(), 0)
  long.end('long')
  t.equal(await first, 'long')
  t.equal(late.startedCount, 0)
  t.equal(queue.runningCount(), 0)
  clearInterval(keepAlive)
})
