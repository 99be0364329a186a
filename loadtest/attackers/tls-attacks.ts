// Attacks on TLS: handshakes that never begin, and handshakes that stop once the gateway has signed.

import { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import type { MakeAttack } from './attack.ts'

/** What a client of TLS says first. */
function clientHello (): Promise<Buffer> {
  return new Promise(resolve => {
    const wire = new Duplex({
      read () {},
      write (bytes: Buffer, _encoding, done) {
        done()
        resolve(bytes)
      }
    })
    connect({ socket: wire }).on('error', () => {})
  })
}

const silent: MakeAttack = ({ timeoutMs }) => ({
  listener: 'tls', limit: 'connections.handshakeTimeoutMs', limitMs: timeoutMs, ends: /^(FIN|ECONNRESET)$/, opening: Buffer.alloc(0)
})

const stalled: MakeAttack = async ({ timeoutMs }) => ({
  listener: 'tls', limit: 'connections.handshakeTimeoutMs', limitMs: timeoutMs, ends: /^(FIN|ECONNRESET)$/, opening: await clientHello()
})

export const tlsAttacks = { 'tls-silent': silent, 'tls-stalled': stalled } as const satisfies Record<string, MakeAttack>
