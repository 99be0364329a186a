// Tests of the window of a connection: it fits what a slow broker takes, and gets out of the way of a quick one.

import t from 'tap'
import { Window } from './window.ts'

const kib = 1_024
const mib = 1_024 * kib

/** Sends requests of `bytes` while the window is open, then has a broker of this pace answer them all in turn. */
function round (window: Window, bytes: number, bytesPerMs: number, baseMs = 0): number {
  const sent: number[] = []
  while (window.open && sent.length < 100) sent.push(window.sent(bytes))
  for (const underWayBytes of sent) window.answered(bytes, underWayBytes, baseMs + underWayBytes / bytesPerMs)
  return sent.length
}

t.test('a slow broker has no more under way than it answers in the target time', async t => {
  const window = new Window(1_000)
  for (let i = 0; i < 10; i++) round(window, 64 * kib, 400)
  t.equal(Math.round(window.sizeBytes / 1_000), 400)
  t.equal(round(window, 64 * kib, 400), 7, 'the last request may lie across the end')
  t.equal(window.usedBytes, 0)
})

t.test('a quick broker has room for five full requests', async t => {
  const window = new Window(1_000)
  t.equal(window.sizeBytes, mib, 'at first nothing is known')
  round(window, mib, 100_000)
  t.equal(window.sizeBytes, 5 * mib)
})

t.test('the window grows again as soon as answers are quick', async t => {
  const window = new Window(1_000)
  for (let i = 0; i < 10; i++) round(window, 64 * kib, 300)
  t.equal(Math.round(window.sizeBytes / 1_000), 300)
  round(window, 64 * kib, 100_000)
  t.equal(window.sizeBytes, 5 * mib)
})

t.test('small requests that a distant broker answers say little, and what follows has room at once', async t => {
  const window = new Window(1_000)
  window.answered(100, window.sent(100), 150)
  t.equal(window.sizeBytes, 256 * kib, 'the least there is')
  for (let i = 0; i < 3; i++) round(window, 64 * kib, 100_000, 150)
  t.ok(window.sizeBytes > 4 * mib, `${window.sizeBytes}`)
})

t.test('a request may always go where none is under way, and a lost connection halves the window', async t => {
  const window = new Window(1_000)
  for (let i = 0; i < 10; i++) {
    t.ok(window.open)
    window.sent(2 * mib)
    t.notOk(window.open)
    window.unanswered(2 * mib)
  }
  t.equal(window.sizeBytes, 256 * kib)
  t.equal(window.usedBytes, 0)
})
