// Times of RFC 3339: its own examples, and what looks like a time and is none.

import fc from 'fast-check'
import t from 'tap'
import { isRfc3339 } from './rfc3339.ts'

t.test('times pass', async t => {
  const table = [
    '1985-04-12T23:20:50.52Z', '1996-12-19T16:39:57-08:00', '1990-12-31T23:59:60Z', '1990-12-31T15:59:60-08:00',
    '1937-01-01T12:00:27.87+00:20', '2026-01-31t09:30:00z', '2026-01-31T09:30:00.123456789123Z', '2024-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z', '0000-01-01T00:00:00Z', '2026-12-31T23:59:59+23:59'
  ]
  for (const text of table) t.equal(isRfc3339(text), true, text)
})

t.test('other texts do not', async t => {
  const table = [
    '', '2026-01-31', '09:30:00Z', '2026-01-31T09:30:00', '2026-01-31 09:30:00Z', '2026-01-31T09:30Z', '2026-1-31T09:30:00Z',
    '2026-13-01T00:00:00Z', '2026-00-01T00:00:00Z', '2026-01-00T00:00:00Z', '2026-01-32T00:00:00Z', '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z', '2026-04-31T00:00:00Z', '2026-01-31T24:00:00Z', '2026-01-31T09:60:00Z', '2026-01-31T09:30:61Z',
    '2026-01-31T09:30:00.Z', '2026-01-31T09:30:00,5Z', '2026-01-31T09:30:00+0100', '2026-01-31T09:30:00+1:00',
    '2026-01-31T09:30:00+24:00', '2026-01-31T09:30:00+01:60', '2026-01-31T09:30:00ZZ', '2026-01-31T09:30:00Z ',
    ' 2026-01-31T09:30:00Z', '2026-01-31T09:30:00+01:00x', '+2026-01-31T09:30:00Z', '2026/01/31T09:30:00Z',
    'Sat, 31 Jan 2026 09:30:00 GMT', '1769851800', '2026-01-31T09-30-00Z', '2026-01-31T09:30:0\u0660Z'
  ]
  for (const text of table) t.equal(isRfc3339(text), false, text)
})

t.test('every date of the platform passes', async t => {
  const dates = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  fc.assert(fc.property(dates, date => isRfc3339(date.toISOString())))
  t.pass('no counterexample')
})
