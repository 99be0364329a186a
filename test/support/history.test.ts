// The history checker finds every class of violation when it is planted, and nothing in a clean history.

import t from 'tap'
import type { Test } from 'tap'
import { checkHistory, digestOf } from './history.ts'
import type { HistoryReport, SentEvent, StoredEvent } from './history.ts'

const classes = ['lost', 'duplicated', 'phantom', 'reordered', 'corrupted', 'misplaced'] as const

function sent (id: string, over: Partial<SentEvent> = {}): SentEvent {
  return { id, stream: 's', order: Number(id.slice(1)), digest: digestOf(id), told: 'written', ...over }
}

function stored (id: string, order: number, over: Partial<StoredEvent> = {}): StoredEvent {
  return { id, digest: digestOf(id), partition: 0, order, ...over }
}

const cleanSent = [sent('e1'), sent('e2'), sent('e3', { told: 'refused' }), sent('e4', { told: 'unknown' }), sent('e5')]
const cleanStored = [stored('e1', 0), stored('e2', 1), stored('e5', 3)]

/** Exactly one class is reported, with exactly these ids. */
function only (t: Test, report: HistoryReport, name: typeof classes[number], ids: string[]): void {
  for (const one of classes) t.same(report[one], one === name ? ids : [], one)
}

t.test('a clean history reports nothing, whether an unknown event is there or not', async t => {
  for (const extra of [[], [stored('e4', 2)]]) {
    const report = checkHistory(cleanSent, [...cleanStored, ...extra])
    for (const one of classes) t.same(report[one], [], one)
    t.match(report, { sentCount: 5, writtenCount: 3, refusedCount: 1, unknownCount: 1 })
  }
})

t.test('an acknowledged event that is not there is lost', async t => {
  only(t, checkHistory(cleanSent, cleanStored.slice(0, 2)), 'lost', ['e5'])
})

t.test('an event that is there twice is duplicated', async t => {
  only(t, checkHistory(cleanSent, [...cleanStored, stored('e2', 9)]), 'duplicated', ['e2'])
})

t.test('a refused event that is there is a phantom, and so is one that nobody sent', async t => {
  only(t, checkHistory(cleanSent, [...cleanStored, stored('e3', 9)]), 'phantom', ['e3'])
  only(t, checkHistory(cleanSent, [...cleanStored, stored('x1', 9)]), 'phantom', ['x1'])
})

t.test('two events of one stream that changed places are reordered, of two streams they are not', async t => {
  const swapped = [stored('e1', 1), stored('e2', 0), stored('e5', 3)]
  only(t, checkHistory(cleanSent, swapped), 'reordered', ['e2'])
  only(t, checkHistory([sent('e1'), sent('e2', { stream: 'other' })], swapped.slice(0, 2)), 'reordered', [])
})

t.test('an event with other bytes is corrupted', async t => {
  const damaged = [stored('e1', 0, { digest: digestOf('other') }), ...cleanStored.slice(1)]
  only(t, checkHistory(cleanSent, damaged), 'corrupted', ['e1'])
})

t.test('an event that is not where its receipt says is misplaced', async t => {
  only(t, checkHistory([sent('e1', { partition: 0, offset: 0 })], [stored('e1', 7)]), 'misplaced', ['e1'])
  only(t, checkHistory([sent('e1', { partition: 0, offset: 7 })], [stored('e1', 7)]), 'misplaced', [])
  only(t, checkHistory([sent('e1', { position: '1:64' })], [stored('e1', 0, { position: '1:99' })]), 'misplaced', ['e1'])
})

t.test('a sender that uses an id twice makes the history worthless, which is said', async t => {
  t.throws(() => checkHistory([sent('e1'), sent('e1')], []), { message: /used the id e1 twice/ })
})
