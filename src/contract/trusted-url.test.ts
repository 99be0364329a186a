// Tests of addresses of trusted services: which may be asked and which may not.

import t from 'tap'
import { trustedUrl } from './trusted-url.ts'

t.test('encrypted addresses and those of this machine are taken', async t => {
  for (const text of [
    'https://id.example.com/keys', 'https://10.0.0.1:8443/x?y=1', 'http://127.0.0.1:80/', 'http://localhost:3000/keys',
    'http://[::1]:1/', 'http://127.8.9.1/', 'HTTP://LOCALHOST/'
  ]) t.ok(trustedUrl(text), text)
})

t.test('others are not, however they are dressed', async t => {
  for (const text of [
    '', 'keys', '/keys', 'http://id.example.com/', 'http://127.0.0.1.example.com/', 'http://localhost.example.com/',
    'http://example.com@127.0.0.1/', 'https://user:password@id.example.com/', 'https://id.example.com/#x',
    'https://id.example.com/#', 'file:///etc/passwd', 'ftp://localhost/', 'data:application/json,{}', 'http://0.0.0.0/'
  ]) t.equal(trustedUrl(text), undefined, text)
})
