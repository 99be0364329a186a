// The breaker: after so many failures in a row it is open for its pause, then one more failure opens it again.

import t from 'tap'
import { Breaker } from './conduct.ts'

t.test('a breaker opens after failures in a row, not after as many in all', async t => {
  const breaker = new Breaker({ faultsMax: 3, pauseMs: 100 }, () => 0)
  for (let round = 0; round < 5; round++) {
    breaker.failed()
    breaker.failed()
    t.equal(breaker.isOpen, false)
    breaker.answered()
  }
  for (let fault = 0; fault < 3; fault++) breaker.failed()
  t.equal(breaker.isOpen, true)
})

t.test('after its pause it closes, and the next failure opens it at once', async t => {
  let nowMs = 0
  const breaker = new Breaker({ faultsMax: 2, pauseMs: 100 }, () => nowMs)
  breaker.failed()
  breaker.failed()
  nowMs = 99
  t.equal(breaker.isOpen, true)
  nowMs = 100
  t.equal(breaker.isOpen, false)
  breaker.failed()
  t.equal(breaker.isOpen, true)
  nowMs = 200
  breaker.answered()
  breaker.failed()
  t.equal(breaker.isOpen, false)
})
