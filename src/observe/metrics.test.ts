// Tests of what one thread gathers: rooms' gauges, decisions, its event loop, and the process.

import t from 'tap'
import { renderPrometheus } from './metric.ts'
import { createDecisionCounters, createMetrics, measureThread, processFamilies } from './metrics.ts'

t.test('gauges of a room are shown with the prefix, under its labels, and read at every collection', async t => {
  const metrics = createMetrics()
  let bytes = 1
  metrics.addGauges(new Map([['buffer_bytes', () => bytes]]), { sink: 'kafka' })
  t.match(renderPrometheus(metrics.collect()), 'sluice_buffer_bytes{sink="kafka"} 1\n')
  bytes = 2
  t.match(renderPrometheus(metrics.collect()), 'sluice_buffer_bytes{sink="kafka"} 2\n')
})

t.test('rooms with the same gauge share one family', async t => {
  const metrics = createMetrics()
  metrics.addGauges(new Map([['connections_active', () => 1]]), { door: 'rest' })
  metrics.addGauges(new Map([['connections_active', () => 2]]), { door: 'mqtt' })
  t.equal(renderPrometheus(metrics.collect()), [
    '# HELP sluice_connections_active Connections active.', '# TYPE sluice_connections_active gauge',
    'sluice_connections_active{door="rest"} 1', 'sluice_connections_active{door="mqtt"} 2', ''
  ].join('\n'))
})

t.test('the name tells what only grows and of what the highest counts', async t => {
  const metrics = createMetrics()
  metrics.addGauges(new Map([['retries_total', () => 1], ['fill_ratio', () => 1], ['oldest_age_seconds', () => 1]]))
  t.match(metrics.collect(), [{ kind: 'counter', merge: 'sum' }, { kind: 'gauge', merge: 'max' }, { merge: 'max' }])
})

t.test('a gauge that throws is left out, the others stay', async t => {
  const metrics = createMetrics()
  metrics.addGauges(new Map([['bad_bytes', () => { throw new Error('closed') }], ['good_bytes', () => 1]]))
  metrics.add(() => { throw new Error('closed') })
  t.same(metrics.collect().map(({ name }) => name), ['sluice_good_bytes'])
})

t.test('decisions are counted by policy; one that is not listed makes no label', async t => {
  const first = { name: 'acl', place: 'policies[0]' }
  const second = { name: 'acl', place: 'routes.a.policies[0]' }
  const counters = createDecisionCounters([first, second], ['pass', 'refuse', 'skip', 'fault'])
  for (const decision of ['pass', 'refuse', 'refuse', 'skip']) counters.decided(first, decision)
  counters.decided({ name: 'made-up', place: 'nowhere' }, 'refuse')
  const labels = (policy: typeof first, decision: string): object => ({ policy: 'acl', decision, place: policy.place })
  t.same(counters.families()[0]?.samples, [
    { labels: labels(first, 'pass'), value: 1 }, { labels: labels(first, 'refuse'), value: 2 },
    { labels: labels(first, 'skip'), value: 1 },
    { labels: labels(second, 'pass'), value: 0 }, { labels: labels(second, 'refuse'), value: 0 }
  ])
})

t.test('a snapshot passes through structured clone as it is', async t => {
  const metrics = createMetrics()
  const thread = measureThread()
  t.teardown(thread.stop)
  metrics.add(thread.families)
  metrics.add(() => processFamilies({ version: '1.2.3', configHash: 'abc' }))
  const snapshot = metrics.collect()
  t.same(structuredClone(snapshot), snapshot)
})

t.test('a thread tells its event loop delay from the first scrape on, and a blocked loop shows', async t => {
  const thread = measureThread()
  t.teardown(thread.stop)
  const p99Seconds = (): number => thread.families()[0]?.samples[0]?.value ?? NaN
  t.ok(p99Seconds() >= 0)
  let highestSeconds = 0
  // The histogram samples by a timer of 10 ms, and the first sample after a scrape only sets the beginning.
  for (let tries = 0; tries < 100 && highestSeconds < 0.05; tries++) {
    await new Promise(resolve => { setTimeout(resolve, 25) })
    const untilMs = performance.now() + 100
    while (performance.now() < untilMs) { /* the loop is blocked on purpose */ }
    await new Promise(resolve => { setTimeout(resolve, 25) })
    highestSeconds = p99Seconds()
  }
  t.ok(highestSeconds >= 0.05, `${highestSeconds} s`)
})

t.test('the process tells its version, memory, time and start', async t => {
  const text = renderPrometheus(processFamilies({ version: '1.2.3', configHash: 'abc' }))
  t.match(text, `sluice_build_info{version="1.2.3",node="${process.versions.node}"} 1\n`)
  t.match(text, 'sluice_config_info{hash="abc"} 1\n')
  t.match(text, /^process_resident_memory_bytes [1-9]\d{6,}$/m)
  t.match(text, /^process_cpu_seconds_total \d+\.\d+$/m)
  const startSeconds = Number(/^process_start_time_seconds (\d+)$/m.exec(text)?.[1])
  t.ok(Math.abs(startSeconds - (Date.now() / 1000 - process.uptime())) < 2)
})

t.test('measures are families by name, with the labels they bring', async t => {
  const metrics = createMetrics()
  metrics.addMeasures(() => [
    { name: 'sent_total', labels: { broker: '1' }, value: 3 }, { name: 'sent_total', labels: { broker: '2' }, value: 4 },
    { name: 'lag_age_seconds', labels: {}, value: 5 }
  ])
  t.match(metrics.collect(), [
    { name: 'sluice_sent_total', kind: 'counter', samples: [{ value: 3 }, { value: 4 }] },
    { name: 'sluice_lag_age_seconds', kind: 'gauge', merge: 'max' }
  ])
})
