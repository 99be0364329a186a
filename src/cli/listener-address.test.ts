// How listeners are written: as URLs where that is what their clients take.

import t from 'tap'
import { listenerAddress } from './listener-address.ts'

t.test('a URL stands where HTTP is spoken, else host and port', async t => {
  const at = { host: '127.0.0.1', port: 1, secure: false }
  t.equal(listenerAddress({ ...at, protocol: 'http' }), 'http://127.0.0.1:1')
  t.equal(listenerAddress({ ...at, protocol: 'admin', secure: true, host: '::1' }), 'https://[::1]:1')
  t.equal(listenerAddress({ ...at, protocol: 'mqtt' }), '127.0.0.1:1')
  t.equal(listenerAddress({ ...at, protocol: 'grpc', secure: true, host: '::1' }), '[::1]:1, over TLS')
})
