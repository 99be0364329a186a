// Waits double up to a second and spread over half of it.

import t from 'tap'
import { backoffMs } from './backoff.ts'

t.test('the wait doubles with each failure up to one second', async (t) => {
  t.same([1, 2, 3, 4, 5, 6, 100].map((count) => backoffMs(count, () => 1)), [50, 100, 200, 400, 800, 1_000, 1_000])
})

t.test('jitter takes away half at most', async (t) => {
  t.same([1, 5].map((count) => backoffMs(count, () => 0)), [25, 400])
})
