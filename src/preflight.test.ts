// What stands in the way of a start is told by its key, before a thread is started.

import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { realpathSync, symlinkSync } from 'node:fs'
import t from 'tap'
import { makeCertificates } from '../test/support/certificates.ts'
import { lockQuotaFile, provePortsFree, proveTlsFits, StartError } from './preflight.ts'
import type { Settings } from './settings.ts'

function settingsWith (listener: Record<string, unknown>): Settings {
  return { listeners: [{ protocol: 'http', host: '127.0.0.1', port: 0, insecure: false, ...listener }] } as unknown as Settings
}

t.test('a port that another program has is told with its listener', async t => {
  const other = createServer()
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  await t.rejects(provePortsFree(settingsWith({ port })), {
    name: 'StartError', code: 'EADDRINUSE', message: `127.0.0.1:${port} is in use by another program`, hint: /listeners\[0\]/
  })
  await new Promise(resolve => other.close(resolve))
  await t.resolves(provePortsFree(settingsWith({ port })))
})

t.test('a file of quotas that another gateway has is told with its path, until that one is gone', async t => {
  const path = `${t.testdir()}/data/quotas`
  const lock = lockQuotaFile(path)
  t.throws(() => lockQuotaFile(path), {
    name: 'StartError', code: 'quota-file-in-use', message: `the file of quotas ${path} is in use by another gateway`,
    hint: /limits\.quotaFile/
  })
  lockQuotaFile(`${path}-of-another`).release()
  lock.release()
  lockQuotaFile(path).release()
})

t.test('two names of one file of quotas are one lock', async t => {
  const folder = realpathSync(t.testdir({ data: { quotas: '' } }))
  symlinkSync('data/quotas', `${folder}/file`)
  symlinkSync('data', `${folder}/link`)
  const lock = lockQuotaFile(`${folder}/file`)
  t.equal(lock.path, `${folder}/data/quotas`)
  for (const name of ['data/quotas', 'link/quotas']) {
    t.throws(() => lockQuotaFile(`${folder}/${name}`), { code: 'quota-file-in-use' }, name)
  }
  lock.release()
})

t.test('a file of quotas that cannot be used is told with its path', async t => {
  const folder = t.testdir({ file: '', folder: {} })
  for (const name of ['file/quotas', 'folder', '']) {
    const told = { name: 'StartError', code: 'quota-file-unusable', hint: /limits\.quotaFile/ }
    t.throws(() => lockQuotaFile(`${folder}/${name}`), told, name)
  }
})

t.test('certificates that are missing or do not fit are told with their listener', async t => {
  const minVersion = 'TLSv1.2'
  t.throws(() => proveTlsFits(settingsWith({ tls: { cert: './no.crt', key: './no.key', minVersion } })), StartError)
  const folder = t.testdir()
  const one = await makeCertificates(folder, { name: 'one' })
  const two = await makeCertificates(folder, { name: 'two' })
  const mixed = settingsWith({ tls: { cert: one.certPath, key: two.keyPath, minVersion } })
  t.throws(() => proveTlsFits(mixed), { name: 'StartError', message: /listeners\[0\].tls/ })
  t.doesNotThrow(() => proveTlsFits(settingsWith({ tls: { cert: one.certPath, key: one.keyPath, minVersion } })))
})
