// Tests of the memory: answers end in time, never grow above their number, and those in use stay.

import t from 'tap'
import { createMemory } from './memory.ts'

t.test('an answer holds until its end, not at it', async t => {
  const memory = createMemory<string>(10)
  memory.keep('a', 'anna', 1_000)
  t.equal(memory.find('a', 999), 'anna')
  t.equal(memory.find('a', 1_000), undefined)
  t.equal(memory.find('a', 0), undefined, 'what has ended is gone')
  t.equal(memory.find('__proto__', 0), undefined)
  t.equal(memory.count(), 0)
})

t.test('there are never more entries than allowed, and what is used stays', async t => {
  const memory = createMemory<number>(100)
  memory.keep('used', -1, Infinity)
  for (let key = 0; key < 10_000; key++) {
    memory.keep(String(key), key, Infinity)
    if (key % 10 === 0) t.equal(memory.find('used', 0), -1)
    if (memory.count() > 100) return t.fail(`${memory.count()} entries`)
  }
  t.equal(memory.find('9999', 0), 9_999)
  t.equal(memory.find('0', 0), undefined)
})

t.test('the last answer of a key counts, and all can be forgotten', async t => {
  const memory = createMemory<number>(2)
  memory.keep('a', 1, 10)
  memory.keep('b', 1, 10)
  memory.keep('a', 2, 10)
  t.equal(memory.find('a', 0), 2)
  memory.forget()
  t.equal(memory.find('a', 0), undefined)
})
