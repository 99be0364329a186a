// The scenarios are possible: sizes are what they say, counts are whole and bounded, both programs can run them.

import t from 'tap'
import { bodyText, deviceEventId, deviceEventText, eventText, namedEventText, scenarios, streams } from './scenarios.ts'

for (const [name, scenario] of Object.entries(scenarios)) {
  t.test(`scenario ${name} can be run in bounded time`, async t => {
    const { connections, eventsPerRequest, warmUpEvents, countedEvents, requestsPerSecond, durationSeconds } = scenario
    for (const count of [connections, eventsPerRequest, requestsPerSecond, durationSeconds]) {
      t.ok(Number.isInteger(count) && count > 0)
    }
    t.ok(connections <= 1_000 && durationSeconds <= 300 && requestsPerSecond <= 100_000)
    for (const count of [warmUpEvents, countedEvents]) {
      t.equal(count % eventsPerRequest, 0, 'whole requests')
      t.ok(count / eventsPerRequest >= connections * 10, 'every connection sends often')
      t.ok(count <= 2_000_000)
    }
  })

  t.test(`a request of scenario ${name} holds as many events of that size as it says`, async t => {
    const lines = bodyText(scenario).split('\n').filter(line => line !== '')
    t.equal(lines.length, scenario.eventsPerRequest)
    for (const line of lines) {
      t.equal(Buffer.byteLength(line), scenario.eventBytes)
      t.type(JSON.parse(line), 'object')
    }
  })
}

t.test('an event has the size that is asked for', async t => {
  for (const bytes of [100, 200, 1_000]) t.equal(Buffer.byteLength(eventText(bytes)), bytes)
})

t.test('streams can be run in bounded time, and an event with a name has the size that is asked for', async t => {
  const { connections, eventBytes, inFlightMax, eventsPerSecond, durationSeconds } = streams
  const counts = [connections, eventBytes, inFlightMax, eventsPerSecond]
  t.ok(counts.every(count => Number.isInteger(count) && count > 0))
  t.ok(durationSeconds > 0 && durationSeconds <= 300)
  const text = namedEventText('websocket-50-1000000', eventBytes)
  t.equal(Buffer.byteLength(text), eventBytes)
  t.match(JSON.parse(text), { id: 'websocket-50-1000000' })
})

t.test('all events of a device have one size, and ids that sort as they are sent', async t => {
  const texts = [1, 42, 999_999_999].map(order => deviceEventText('load-00000-00001', order, 200))
  for (const text of texts) t.equal(Buffer.byteLength(text), 200)
  t.match(JSON.parse(texts[1] ?? ''), { device: 'load-00000-00001', id: 'load-00000-00001-000000042' })
  t.ok(deviceEventId('d', 9) < deviceEventId('d', 10))
})
