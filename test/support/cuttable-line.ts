// A TCP line in between: it passes everything on, both ways, until a test cuts it.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** `end`: both sides see an orderly end of the connection. `reset`: both see it broken. */
export type Cut = 'end' | 'reset'

export interface CuttableLine {
  /** Where to connect in place of the far end. */
  readonly port: number
  /** Cuts every connection that is open now. New ones work. */
  cut (how: Cut): void
  close (): void
}

/** Opens a line to a port of the loopback. */
export async function openLine (farPort: number): Promise<CuttableLine> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, near => {
    const far = connect({ port: farPort, host: '127.0.0.1', noDelay: true })
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.once('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cut (how) {
      for (const socket of [...sockets]) {
        if (how === 'end') socket.destroy()
        else socket.resetAndDestroy()
      }
    },
    close () {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}
