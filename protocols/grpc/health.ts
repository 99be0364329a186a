// The health service of gRPC (grpc.health.v1): whether this gateway takes events, asked once or watched.

import type { Server, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import type { Signal } from '../../src/contract/adapter.ts'
import { loadHealthCheck } from './packages.ts'

interface Asked { readonly service: string }
interface Told { readonly status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN' }

const notFoundCode = 5

/**
 * The library's own implementation keeps every name that anybody ever watched. Names are '' for the whole server and
 * those in `names`; the health of each is that the gateway is not about to stop.
 */
export function serveHealth (server: Server, names: readonly string[], draining: Signal): void {
  const known = new Set(['', ...names])
  const told = (): Told => ({ status: draining.on ? 'NOT_SERVING' : 'SERVING' })
  server.addService(loadHealthCheck().service, {
    check: (call: ServerUnaryCall<Asked, Told>, answer: sendUnaryData<Told>) => {
      if (known.has(call.request.service)) answer(null, told())
      else answer({ code: notFoundCode, details: 'no such service here' })
    },
    watch: (call: ServerWritableStream<Asked, Told>) => {
      if (!known.has(call.request.service)) {
        // It may come later, says the service; here none ever does.
        call.write({ status: 'SERVICE_UNKNOWN' })
        return
      }
      const stop = draining.watch(() => { call.write(told()) })
      call.on('cancelled', stop)
      call.write(told())
    },
    list: (_call: unknown, answer: sendUnaryData<{ statuses: Record<string, Told> }>) => {
      answer(null, { statuses: Object.fromEntries([...known].map(name => [name, told()])) })
    }
  })
}
