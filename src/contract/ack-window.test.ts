// The ack window: a cumulative ack never passes an open event, whatever the order in which events end.

import t from 'tap'
import fc from 'fast-check'
import { AckWindow } from './ack-window.ts'

t.test('an ack covers what has ended without a gap, and is taken once', async t => {
  const window = new AckWindow()
  t.equal(window.takeAck(), undefined)
  const tickets = [10, 20, 35].map(id => window.open(id, id))
  t.equal(window.openCount, 3)
  t.equal(window.lastId, 35)
  t.ok(window.close(tickets[1] ?? -1))
  t.equal(window.takeAck(), undefined)
  t.ok(window.close(tickets[0] ?? -1))
  t.equal(window.takeAck(), 20)
  t.equal(window.takeAck(), undefined)
  t.equal(window.idOf(tickets[2] ?? -1), 35)
  t.equal(window.bytesOf(tickets[2] ?? -1), 35)
})

t.test('an event ends once', async t => {
  const window = new AckWindow()
  const ticket = window.open(1, 0)
  t.ok(window.close(ticket))
  for (const other of [ticket, ticket + 1, -1]) t.notOk(window.close(other))
  t.equal(window.openCount, 0)
})

t.test('whatever the order, an ack passes exactly what a plain model says', async () => {
  const steps = fc.array(fc.oneof(
    fc.record({ open: fc.integer({ min: 1, max: 1_000 }) }), fc.record({ close: fc.nat({ max: 1_000 }) })
  ), { maxLength: 400 })
  fc.assert(fc.property(steps, moves => {
    const window = new AckWindow()
    const model: { id: number, ticket: number, bytes: number, open: boolean }[] = []
    let id = -1
    let told = -1
    for (const move of moves) {
      if ('open' in move) {
        id += move.open
        model.push({ id, ticket: window.open(id, move.open), bytes: move.open, open: true })
      } else {
        const open = model.filter(one => one.open)
        const chosen = open[move.close % Math.max(1, open.length)]
        if (chosen !== undefined) {
          if (window.idOf(chosen.ticket) !== chosen.id || window.bytesOf(chosen.ticket) !== chosen.bytes) return false
          chosen.open = false
          if (!window.close(chosen.ticket)) return false
        }
      }
      const firstOpenAt = model.findIndex(one => one.open)
      const covered = model[(firstOpenAt < 0 ? model.length : firstOpenAt) - 1]?.id ?? -1
      if (window.takeAck() !== (covered === told ? undefined : covered)) return false
      told = covered
      if (window.openCount !== model.filter(one => one.open).length) return false
    }
    return true
  }), { numRuns: 500 })
})
