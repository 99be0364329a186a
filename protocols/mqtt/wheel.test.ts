// Tests of the timer wheel: items come up in time, can be put off and cancelled, and leave nothing behind.

import t from 'tap'
import { Wheel } from './wheel.ts'
import type { Timed } from './wheel.ts'

let nowMs = 10_000

class Item implements Timed {
  dueMs = Infinity
  wheelTick = -1
  readonly calledMs: number[] = []
  onDue (atMs: number): void { this.calledMs.push(atMs) }
}

/** Lets so much time pass, a tick at a time. */
function pass (wheel: Wheel, ms: number): void {
  const endMs = nowMs + ms
  while (nowMs < endMs) {
    nowMs += 50
    wheel.turn()
  }
}

t.test('an item comes up within a tick of its time, once', async t => {
  const wheel = new Wheel(() => nowMs)
  for (const waitMs of [1, 49, 50, 51, 12_345, 51_200, 200_000]) {
    const item = new Item()
    const dueMs = nowMs + waitMs
    wheel.schedule(item, dueMs)
    pass(wheel, waitMs + 200)
    t.equal(item.calledMs.length, 1, `${waitMs} ms`)
    const [calledMs = 0] = item.calledMs
    t.ok(calledMs >= dueMs && calledMs <= dueMs + 100, `${calledMs - dueMs} ms late`)
  }
})

t.test('an item can be put off, called for sooner, and cancelled', async t => {
  const wheel = new Wheel(() => nowMs)
  const [later, sooner, never] = [new Item(), new Item(), new Item()]
  for (const item of [later, sooner, never]) wheel.schedule(item, nowMs + 1_000)
  wheel.schedule(later, nowMs + 2_000)
  wheel.schedule(sooner, nowMs + 100)
  wheel.cancel(never)
  pass(wheel, 500)
  t.same([later, sooner, never].map(({ calledMs }) => calledMs.length), [0, 1, 0])
  pass(wheel, 1_000)
  t.same([later, sooner, never].map(({ calledMs }) => calledMs.length), [0, 1, 0])
  pass(wheel, 1_000)
  t.same([later, sooner, never].map(({ calledMs }) => calledMs.length), [1, 1, 0])
})

t.test('an item that is cancelled is let go at once, and one that is called for sooner waits once', async t => {
  const wheel = new Wheel(() => nowMs)
  const item = new Item()
  wheel.schedule(item, nowMs + 40_000)
  wheel.schedule(item, nowMs + 1_000)
  t.equal(wheel.itemsCount, 1)
  wheel.cancel(item)
  t.equal(wheel.itemsCount, 0)
})

t.test('a long pause of the process is made up for', async t => {
  const wheel = new Wheel(() => nowMs)
  const items = Array.from({ length: 100 }, () => new Item())
  for (const [at, item] of items.entries()) wheel.schedule(item, nowMs + at * 1_000)
  nowMs += 500_000
  wheel.turn()
  pass(wheel, 60_000)
  t.ok(items.every(({ calledMs }) => calledMs.length === 1))
})

t.test('an item may schedule itself again', async t => {
  const wheel = new Wheel(() => nowMs)
  const item = new class extends Item {
    override onDue (atMs: number): void {
      super.onDue(atMs)
      if (this.calledMs.length < 5) wheel.schedule(this, atMs + 100)
    }
  }()
  wheel.schedule(item, nowMs + 100)
  pass(wheel, 2_000)
  t.equal(item.calledMs.length, 5)
})
