// The queue of TLS handshakes: so many in a second, each address in its turn, none for ever.

import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { once } from 'node:events'
import t from 'tap'
import { makeCertificates } from '../../test/support/certificates.ts'
import { ask, dial, openListener, until } from '../../test/support/listener-rig.ts'
import { createHandshakes } from './handshakes.ts'
import type { Handshakes } from './handshakes.ts'

let nowMs = 1_000

function start (parts: { perSecondMax?: number, waitMs?: number } = {}): Handshakes {
  return createHandshakes({ perSecondMax: 10, waitMs: 5_000, nowMs: () => nowMs, ...parts })
}

function pass (handshakes: Handshakes, ms: number): void {
  nowMs += ms
  handshakes.turn()
}

function waiting (handshakes: Handshakes): number { return handshakes.gauges.get('handshakes_waiting')?.() ?? -1 }

t.test('so many begin in a second, and an address that sends many waits behind those that send few', async t => {
  const handshakes = start()
  const begun: string[] = []
  for (const address of ['a', 'a', 'a', 'a', 'b', 'c']) {
    handshakes.begin(new Socket(), address, () => { begun.push(address) })
  }
  t.same(begun, ['a'])
  t.equal(waiting(handshakes), 5)
  for (let count = 0; count < 3; count++) pass(handshakes, 100)
  t.same(begun, ['a', 'a', 'b', 'c'])
  for (let count = 0; count < 3; count++) pass(handshakes, 100)
  t.same(begun, ['a', 'a', 'b', 'c', 'a', 'a'])
  t.equal(waiting(handshakes), 0)
})

t.test('what is due in two milliseconds begins at once, also when the loop was long away', async t => {
  const handshakes = start({ perSecondMax: 1_000 })
  let begunCount = 0
  for (let count = 0; count < 100; count++) handshakes.begin(new Socket(), 'a', () => { begunCount += 1 })
  t.equal(begunCount, 2)
  pass(handshakes, 1_000)
  t.equal(begunCount, 4)
})

t.test('a connection that closes or fails while it waits takes no turn', async t => {
  const handshakes = start()
  const begun: string[] = []
  const gone = new Socket()
  for (const [socket, name] of [[new Socket(), 'first'], [gone, 'gone'], [new Socket(), 'last']] as const) {
    handshakes.begin(socket, name, () => { begun.push(name) })
  }
  gone.destroy(new Error('reset'))
  await once(gone, 'close').catch(() => {})
  t.equal(waiting(handshakes), 1)
  pass(handshakes, 100)
  t.same(begun, ['first', 'last'])
})

t.test('a connection that has waited too long is closed', async t => {
  const handshakes = start({ perSecondMax: 1, waitMs: 500 })
  const late = new Socket()
  handshakes.begin(new Socket(), 'a', () => {})
  handshakes.begin(late, 'a', () => t.fail('it began'))
  pass(handshakes, 499)
  t.notOk(late.destroyed)
  pass(handshakes, 1)
  t.ok(late.destroyed)
  t.equal(handshakes.gauges.get('handshakes_late_total')?.(), 1)
  t.equal(waiting(handshakes), 0)
})

t.test('clients of a listener over TLS are served in their turn, ahead of it nothing of theirs is read or lost', async t => {
  const { caPath, certPath, keyPath } = await makeCertificates(t.testdir())
  const ca = readFileSync(caPath, 'utf8')
  const tls = { cert: certPath, key: keyPath, minVersion: 'TLSv1.2' } as const
  const rig = await openListener(t, { tls, settings: { handshakesPerSecondMax: 20 } })
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask({ port: rig.port, ca })))
  t.same(answers.map(({ status }) => status), Array.from({ length: 8 }, () => 200))
  t.equal(rig.handshakes.gauges.get('handshakes_begun_total')?.(), 8)
})

t.test('behind a proxy the addresses are those of its clients', async t => {
  const { caPath, certPath, keyPath } = await makeCertificates(t.testdir())
  const tls = { cert: certPath, key: keyPath, minVersion: 'TLSv1.2' } as const
  const rig = await openListener(t, {
    tls, trustedProxies: ['127.0.0.1'], settings: { handshakesPerSecondMax: 1, handshakeTimeoutMs: 20_000 }
  })
  const begin = async (address: string): Promise<Socket> => {
    const { socket } = await dial(t, rig.port)
    socket.write(`PROXY TCP4 ${address} 10.0.0.1 4000 443\r\n`)
    return socket
  }
  const secured: string[] = []
  let opened = 0
  for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2']) {
    const socket = await begin(address)
    opened += 1
    await until('admitting', () => rig.connections.gauges.get('connections_active')?.() === opened)
    connectTls({ socket, ca: readFileSync(caPath), host: '127.0.0.1' }, () => { secured.push(address) }).on('error', () => {})
  }
  await until('three handshakes', () => secured.length === 3)
  t.same(secured, ['192.0.2.1', '192.0.2.1', '192.0.2.2'])
})
