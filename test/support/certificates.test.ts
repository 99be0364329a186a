// Checks that certificates made for tests pass verification, and that rotation keeps the CA.
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import t from 'tap'
import { makeCertificates } from './certificates.ts'

t.test('a TLS client that trusts the CA accepts the server certificate at 127.0.0.1', async (t) => {
  const made = await makeCertificates(t.testdir())
  const server = createServer({ cert: await readFile(made.certPath), key: await readFile(made.keyPath) })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const trusting = connect({ port, host: '127.0.0.1', ca: await readFile(made.caPath) })
  await once(trusting, 'secureConnect')
  t.equal(trusting.authorized, true)
  trusting.destroy()
  const other = connect({ port, host: '127.0.0.1' })
  const [error] = await once(other, 'error')
  t.match(error, /certificate/, 'without the CA the same certificate is refused')
})

t.test('a second call rotates key and certificate under the same CA', async (t) => {
  const directory = t.testdir()
  const first = await makeCertificates(directory)
  const before = { ca: await readFile(first.caPath), cert: await readFile(first.certPath) }
  const second = await makeCertificates(directory)
  t.same(second, first, 'the paths stay')
  t.same(await readFile(second.caPath), before.ca)
  const cert = new X509Certificate(await readFile(second.certPath))
  t.not(cert.serialNumber, new X509Certificate(before.cert).serialNumber)
  t.ok(cert.verify(new X509Certificate(before.ca).publicKey))
})

t.test('a certificate can be made that has ended', async (t) => {
  const made = await makeCertificates(t.testdir(), { validDays: -1, name: 'ended' })
  t.ok(new Date(new X509Certificate(await readFile(made.certPath)).validTo).getTime() < Date.now())
  t.match(made.certPath, /ended\.pem$/)
})
