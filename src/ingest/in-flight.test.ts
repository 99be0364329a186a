// The count of events in flight: it is bounded, and whoever waits for nothing hears of it.

import t from 'tap'
import { InFlight } from './in-flight.ts'

t.test('no more are taken than there is room for', async t => {
  const inFlight = new InFlight(5)
  t.equal(inFlight.take(3), 3)
  t.equal(inFlight.take(3), 2)
  t.equal(inFlight.take(1), 0)
  t.equal(inFlight.count, 5)
  inFlight.end()
  t.equal(inFlight.take(3), 1)
  t.equal(inFlight.count, 5)
})

t.test('whoever waits for nothing in flight is told once, when it is so', async t => {
  const inFlight = new InFlight(10)
  let toldCount = 0
  inFlight.whenEmpty(() => { toldCount++ })
  t.equal(toldCount, 1, 'at once where it is so already')
  inFlight.take(2)
  inFlight.whenEmpty(() => { toldCount++ })
  inFlight.whenEmpty(() => { toldCount++ })
  inFlight.end()
  inFlight.told()
  t.equal(toldCount, 1)
  inFlight.end()
  t.equal(toldCount, 1, 'not before the door of the last one is told')
  inFlight.told()
  t.equal(toldCount, 3)
  inFlight.take(1)
  inFlight.end()
  inFlight.told()
  t.equal(toldCount, 3)
})

t.test('a door that sends on where it is told of the last one keeps it from being empty', async t => {
  const inFlight = new InFlight(1)
  let toldCount = 0
  inFlight.take(1)
  inFlight.whenEmpty(() => { toldCount++ })
  inFlight.end()
  t.equal(inFlight.take(1), 1, 'there is room already')
  inFlight.told()
  t.equal(toldCount, 0)
  inFlight.end()
  inFlight.told()
  t.equal(toldCount, 1)
})
