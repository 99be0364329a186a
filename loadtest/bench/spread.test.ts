// The median is the middle one, or between the two middle ones, and the order of measurements does not matter.

import t from 'tap'
import { spreadOf, spreadText } from './spread.ts'

t.test('median and range of odd and even numbers of measurements', async t => {
  t.same(spreadOf([3]), { median: 3, least: 3, most: 3 })
  t.same(spreadOf([10, 9, 1]), { median: 9, least: 1, most: 10 })
  t.same(spreadOf([4, 1, 3, 2]), { median: 2.5, least: 1, most: 4 })
  t.throws(() => spreadOf([]), /nothing/)
})

t.test('they are written as a median with its range', async t => {
  t.equal(spreadText({ median: 1.25, least: 1, most: 20 }, 1), '1.3 (1.0-20.0)')
})
