// What a worker counted stays in the node's sums when it is gone, and what it had as a level does not.

import t from 'tap'
import { createEventCounters } from './event-counters.ts'
import { family } from './metric.ts'
import { NodeMetrics } from './node-metrics.ts'

const layout = { doors: ['rest'], routes: ['orders'] }

t.test('a sum does not go down when a worker is replaced, a level does', async t => {
  const node = new NodeMetrics(layout)
  const value = (name: string): number => node.merged([])
    .find(one => one.name === name)?.samples.reduce((sum, one) => sum + one.value, 0) ?? 0
  createEventCounters(layout, node.begin(0)).received(0, 0, 10)
  node.keep(0, [
    family({ name: 'made_total', help: 'Made.', kind: 'counter' }, [{ labels: {}, value: 3 }]),
    family({ name: 'level', help: 'Level.', kind: 'gauge' }, [{ labels: {}, value: 7 }])
  ])
  const receivedBefore = value('sluice_events_received_total')
  t.equal(receivedBefore, 1)
  t.same([value('made_total'), value('level')], [3, 7])
  node.gone(0)
  t.same([value('sluice_events_received_total'), value('made_total'), value('level')], [1, 3, 0])
  createEventCounters(layout, node.begin(0)).received(0, 0, 10)
  t.equal(value('sluice_events_received_total'), 2)
})
