// TLS to a broker: verified always, with the authority and name of the settings, and files that may come later.

import { once } from 'node:events'
import { readFileSync, renameSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { makeCertificates } from '../../test/support/certificates.ts'
import type { Certificates } from '../../test/support/certificates.ts'
import { openSocket } from './broker-socket.ts'
import { bridgeSettings, soon } from '../../test/support/bridge-rig.ts'
import { FakeIngress } from '../../test/support/fake-ingress.ts'
import { mqttBridge } from './index.ts'

async function listen (t: Test): Promise<Certificates & { port: number }> {
  const made = await makeCertificates(t.testdir())
  const server = createServer({ cert: readFileSync(made.certPath), key: readFileSync(made.keyPath) })
  server.on('tlsClientError', () => {})
  server.on('secureConnection', socket => { socket.on('error', () => {}).resume() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return { ...made, port: (server.address() as AddressInfo).port }
}

t.test('the certificate of the broker is verified by the authority of the settings', async t => {
  const { port, caPath } = await listen(t)
  const socket = openSocket({ url: `mqtts://localhost:${port}`, tls: { ca: caPath } })
  await once(socket, 'secureConnect')
  socket.destroy()
})

t.test('a certificate of another authority, or of another name, is refused', async t => {
  const { port, caPath } = await listen(t)
  for (const tls of [{}, { ca: caPath, servername: 'other.example' }]) {
    const socket = openSocket({ url: `mqtts://localhost:${port}`, tls })
    const [error] = await once(socket, 'error') as [Error]
    t.match(error.message, 'ca' in tls ? /other\.example/ : /unable to verify|self.signed/)
  }
})

t.test('a file that cannot be read now is tried again', async t => {
  const { port, caPath } = await listen(t)
  const latePath = `${caPath}.late`
  const lines: string[] = []
  const note = (fields: Record<string, unknown>): void => { lines.push(String(fields.reason)) }
  const adapter = mqttBridge.create({
    config: [bridgeSettings(`mqtts://localhost:${port}`, { tls: { ca: latePath }, connectTimeoutMs: 200 })], routes: [],
    ingress: new FakeIngress(), version: '', log: { debug () {}, info () {}, warn: note, error () {} }
  })
  t.teardown(() => adapter.drain())
  adapter.start?.({ worker: 0, principalNamed: name => ({ name, groups: [], anonymous: false }) })
  await soon(() => lines.some(line => line.includes('ENOENT')), 'word of the file')
  renameSync(caPath, latePath)
  await soon(() => lines.some(line => line.includes('no connection within 200 ms')), 'a connection whose broker says nothing')
})
