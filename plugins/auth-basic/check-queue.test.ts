// Tests of the queue of checks: never too many at once, in order, bounded, the same only once.

import t from 'tap'
import { createCheckQueue } from './check-queue.ts'

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

t.test('as many run as may, the others wait for their turn, and those above the bound are turned away', async t => {
  const queue = createCheckQueue<string>({ runningMax: 2, waitingMax: 2 })
  const checks = Array.from({ length: 5 }, () => new Check())
  const answers = checks.map((check, at) => queue.run(String(at), check.run))
  const started = (): number[] => checks.map(check => check.startedCount)
  t.same(started(), [1, 1, 0, 0, 0])
  t.equal(answers[4], undefined)
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
  const queue = createCheckQueue<string>({ runningMax: 1, waitingMax: 0 })
  const [one, other] = [new Check(), new Check()]
  const answers = [queue.run('a', one.run), queue.run('a', other.run)]
  one.end('one')
  t.same(await Promise.all(answers), ['one', 'one'])
  t.equal(other.startedCount, 0)
  void queue.run('a', other.run)
  t.equal(other.startedCount, 1)
})
