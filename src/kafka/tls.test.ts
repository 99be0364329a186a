// What TLS is made from: names only where they are names, and files as they are at the moment.

import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tlsOptions } from './tls.ts'

t.test('a host name is verified, an address has none, and a configured name goes before both', async t => {
  t.same(tlsOptions(true, 'kafka.example.com'), { servername: 'kafka.example.com' })
  t.same(tlsOptions(true, '127.0.0.1'), {})
  t.same(tlsOptions({ servername: 'other' }, 'kafka.example.com'), { servername: 'other' })
})

t.test('files are read each time, so that a renewed one is used', async t => {
  const folder = t.testdir({ 'ca.pem': 'one' })
  const settings = { ca: join(folder, 'ca.pem') }
  t.equal(String(tlsOptions(settings, '::1').ca), 'one')
  writeFileSync(settings.ca, 'two')
  t.equal(String(tlsOptions(settings, '::1').ca), 'two')
  t.throws(() => tlsOptions({ cert: join(folder, 'none.pem') }, '::1'), { code: 'ENOENT' })
})
