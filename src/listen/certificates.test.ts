// Certificates that change while a listener is open: the new one is used, a bad one is not, open connections go on.

import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:tls'
import t from 'tap'
import { makeCertificates } from '../../test/support/certificates.ts'
import { openListener, until } from '../../test/support/listener-rig.ts'
import { readTls } from './certificates.ts'

interface Secured { readonly serial: string, ask (): Promise<string>, end (): void }

function dialTls (port: number, ca: string): Promise<Secured> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca }, () => resolve({
      serial: socket.getPeerX509Certificate()?.serialNumber ?? '',
      ask: () => new Promise(resolve => {
        socket.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\r\n', 1)[0] ?? ''))
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      }),
      end: () => { socket.destroy() }
    }))
    socket.on('error', reject)
  })
}

t.test('a changed certificate is seen by new connections, and an open one goes on', async t => {
  const folder = t.testdir()
  const { caPath, certPath, keyPath } = await makeCertificates(folder)
  const ca = readFileSync(caPath, 'utf8')
  const rig = await openListener(t, { tls: { cert: certPath, key: keyPath, minVersion: 'TLSv1.2' } })
  const before = await dialTls(rig.port, ca)
  t.teardown(before.end)
  await makeCertificates(folder)
  await until('reloading', () => rig.messages.includes('certificate reloaded'))
  const after = await dialTls(rig.port, ca)
  t.teardown(after.end)
  t.not(after.serial, before.serial)
  t.equal(await before.ask(), 'HTTP/1.1 200 OK')
  t.equal(await after.ask(), 'HTTP/1.1 200 OK')
})

t.test('a file that is no certificate leaves the one before in use', async t => {
  const { caPath, certPath, keyPath } = await makeCertificates(t.testdir())
  const ca = readFileSync(caPath, 'utf8')
  const rig = await openListener(t, { tls: { cert: certPath, key: keyPath, minVersion: 'TLSv1.2' } })
  const before = await dialTls(rig.port, ca)
  t.teardown(before.end)
  writeFileSync(certPath, 'no certificate')
  await until('the warning', () => rig.messages.some(message => message.startsWith('certificate not reloaded')))
  const after = await dialTls(rig.port, ca)
  t.teardown(after.end)
  t.equal(after.serial, before.serial)
  t.equal(await after.ask(), 'HTTP/1.1 200 OK')
})

t.test('files that do not belong together are not read as one', async t => {
  const folder = t.testdir()
  const one = await makeCertificates(folder, { name: 'one' })
  const other = await makeCertificates(folder, { name: 'other' })
  t.match(readTls({ cert: one.certPath, key: one.keyPath, minVersion: 'TLSv1.3' }), { minVersion: 'TLSv1.3' })
  t.throws(() => readTls({ cert: one.certPath, key: other.keyPath, minVersion: 'TLSv1.2' }), /mismatch/)
})
