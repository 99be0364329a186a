// CPU time is read from the right fields, whatever the program is called.

import t from 'tap'
import { cpuMicroseconds, cpuTicksOf, residentBytes, residentBytesOf, ticksPerSecond } from './process-cpu.ts'

const tail = 'S 1 2 3 4 5 6 7 8 9 10 120 34 5 6 20 0 11 0 12345 1000 200'

t.test('user and system time are added, for names with spaces and parentheses too', async t => {
  for (const name of ['node', 'MainThread', 'a b', 'x) S 9 9 (y', '']) t.equal(cpuTicksOf(`42 (${name}) ${tail}`), 154)
})

t.test('another text is no stat', async t => {
  for (const text of ['', 'hello', '42 (node) S 1 2', '42 node S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15']) {
    t.throws(() => cpuTicksOf(text), /no stat/)
  }
})

t.test('resident memory is in bytes', async t => {
  t.equal(residentBytesOf('Name:\tnode\nVmRSS:\t   2048 kB\nThreads:\t1\n'), 2_097_152)
  t.equal(residentBytesOf('Name:\tkthreadd\n'), 0)
})

t.test('a process that works uses time and memory', { skip: process.platform !== 'linux' && 'needs /proc' }, async t => {
  const perSecond = ticksPerSecond()
  const before = cpuMicroseconds(process.pid, perSecond)
  const endMs = performance.now() + 10_000
  while (cpuMicroseconds(process.pid, perSecond) === before && performance.now() < endMs) Math.sqrt(Math.random())
  t.ok(cpuMicroseconds(process.pid, perSecond) > before)
  t.ok(residentBytes(process.pid) > 1_000_000)
})
