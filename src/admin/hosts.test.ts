// Host headers: loopback names and those of the config pass, whatever a rebinding page would send does not.

import t from 'tap'
import { isLoopback } from '../config/checks.ts'
import { createHostCheck } from './hosts.ts'

const check = createHostCheck({ isLoopback, known: ['10.0.0.5', 'Gateway.example.com', '2001:db8::1'] })

for (const host of ['127.0.0.1', '127.0.0.1:9901', 'localhost', 'LOCALHOST:1', 'localhost.', '[::1]:9901', '10.0.0.5:9901',
  'gateway.EXAMPLE.com:443', '[2001:db8::1]']) {
  t.test(`${host} may be called`, async t => { t.equal(check(host), undefined) })
}

for (const host of [undefined, '', 'evil.example', 'evil.example:9901', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.6',
  '[::2]', 'localhost:x', 'a@localhost', 'localhost/x', '127.0.0.1, evil.example', '::1']) {
  t.test(`${host} may not`, async t => { t.match(check(host), { code: 'misdirected', status: 421 }) })
}
