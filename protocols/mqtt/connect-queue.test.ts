// Tests of the queue of CONNECTs: so many in a second, each address in its turn, nobody for ever.

import t from 'tap'
import { ConnectQueue } from './connect-queue.ts'

let nowMs = 1_000

function start (options: { perSecondMax?: number, waitingMax?: number, waitMs?: number } = {}): ConnectQueue {
  return new ConnectQueue({ perSecondMax: 10, waitingMax: 100, waitMs: 5_000, nowMs: () => nowMs, ...options })
}

/** Who may begin, in order, as it becomes known. */
function enter (queue: ConnectQueue, address: string, began: string[]): void {
  const answer = queue.enter(address)
  if (answer === true) began.push(address)
  else void answer.then(mayBegin => { began.push(mayBegin ? address : `${address} late`) })
}

async function pass (queue: ConnectQueue, ms: number): Promise<void> {
  nowMs += ms
  queue.turn()
  await new Promise(resolve => { setImmediate(resolve) })
}

t.test('so many begin in a second, the others in their turn', async t => {
  const queue = start()
  const began: string[] = []
  for (let at = 0; at < 15; at++) enter(queue, 'a', began)
  t.equal(began.length, 1)
  t.equal(queue.waitingCount, 14)
  for (let at = 0; at < 10; at++) await pass(queue, 100)
  t.equal(began.length, 11)
  for (let at = 0; at < 10; at++) await pass(queue, 100)
  t.equal(began.length, 15)
  t.equal(queue.waitingCount, 0)
})

t.test('an address that sends many waits behind those that send few', async t => {
  const queue = start()
  const began: string[] = []
  for (let at = 0; at < 50; at++) enter(queue, 'storm', began)
  enter(queue, 'b', began)
  enter(queue, 'c', began)
  for (let at = 0; at < 4; at++) await pass(queue, 100)
  t.same(began, ['storm', 'storm', 'b', 'c', 'storm'])
  queue.close()
})

t.test('whoever waits too long, or finds too many waiting, is told to come later', async t => {
  const queue = start({ waitingMax: 2, waitMs: 1_000, perSecondMax: 1 })
  const began: string[] = []
  for (const address of ['a', 'b', 'c', 'd']) enter(queue, address, began)
  await pass(queue, 0)
  t.same(began, ['a', 'd late'])
  await pass(queue, 1_000)
  t.same(began, ['a', 'd late', 'b late', 'c late'])
  enter(queue, 'e', began)
  t.same(began.at(-1), 'e', 'nobody waits any more')
  enter(queue, 'f', began)
  queue.close()
  await pass(queue, 0)
  t.same(began.at(-1), 'f late')
})
