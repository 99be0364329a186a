// The admin listener: HTTP with strict limits in the supervisor's thread. Who calls is asked before what is wanted.

import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import findMyWay from 'find-my-way'
import type { Log } from '../contract/adapter.ts'
import { readJson, send, sendRaw } from './exchange.ts'
import { describing } from './openapi.ts'
import type { Call, Operation } from './operations.ts'
import { Problem } from './problem.ts'
import type { TokenCheck } from './tokens.ts'

const requestMs = 5_000
const connectionsMax = 64
const headerBytesMax = 8_192
/** Of a name in a path, percent-encoded. */
const parameterCharsMax = 4_096

export interface AdminServerOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly tls: SecureContextOptions | undefined
  readonly operations: readonly Operation[]
  readonly version: string
  readonly tokens: TokenCheck
  readonly checkHost: (host: string | undefined) => Problem | undefined
  readonly log: Log
}

export interface AdminServer {
  /** For whoever gives it new certificates; without TLS there is nothing to give. */
  readonly secured: HttpsServer | undefined
  /** Rejects where the port cannot be had. */
  start (): Promise<{ host: string, port: number }>
  /** Resolves when the socket is closed; whoever is connected is cut off. */
  close (): Promise<void>
}

const unknownPath = new Problem('unknown-path', 'nothing is served here; /openapi.json tells what is')
const unreadablePath = new Problem('malformed', 'the path is not valid percent-encoded UTF-8')
const sentTwice = new Problem('malformed', 'Host and Authorization may each be sent once')
const failed = new Problem('internal', 'this request failed for a reason of this gateway; its log tells more')

/** Creates it without opening the socket. */
export function createAdminServer (options: AdminServerOptions): AdminServer {
  const { tls, tokens, checkHost, log } = options
  const find = createFinder([...options.operations, describing(options.operations, options.version)])

  async function answer (request: IncomingMessage): Promise<unknown> {
    // The platform keeps the first of several, and a proxy before it may have judged another.
    const { host, authorization: shown } = request.headersDistinct
    if ((host?.length ?? 0) > 1 || (shown?.length ?? 0) > 1) return sentTwice
    const misdirected = checkHost(request.headers.host)
    if (misdirected !== undefined) return misdirected
    const { authorization } = request.headers
    const refused = await tokens.check(authorization)
    if (refused !== undefined) {
      // As many lines as tries may wait in a second: beyond that there is the metric.
      const guessed = authorization !== undefined && refused.code === 'unauthenticated'
      if (guessed) log.warn({ address: request.socket.remoteAddress }, 'a wrong admin token was sent')
      return refused
    }
    const found = find(request.method ?? '', request.url ?? '')
    if (found instanceof Problem) return found
    const { operation, parameters } = found
    const body = operation.request === undefined ? undefined : await readJson(request, operation.bodyBytesMax)
    if (body instanceof Problem) return body
    const result = await operation.run({ parameters, body })
    // Whoever only asks changes nothing, and may have sent a credential.
    if (operation.method === 'PUT' && !(result instanceof Problem)) {
      const { operationId } = operation
      log.info({ operationId, ...parameters, body, address: request.socket.remoteAddress }, 'an operator changed something')
    }
    return result
  }

  function serve (request: IncomingMessage, response: ServerResponse): void {
    answer(request).catch((error: unknown) => {
      if (!response.destroyed) log.error({ error, path: request.url }, 'an admin request failed')
      return failed
    }).then(result => { if (!response.destroyed) send(request, response, result) }, () => { response.destroy() })
  }

  const server = createServer(tls, serve)
  return {
    secured: tls === undefined ? undefined : server as HttpsServer,
    start: () => listen(server, options),
    close: () => new Promise(resolve => {
      server.close(() => { resolve() })
      server.closeAllConnections()
    })
  }
}

type Found = { readonly operation: Operation, readonly parameters: Call['parameters'] } | Problem

/** Finds the operation of a method and a request target. HEAD is GET without the body. */
function createFinder (operations: readonly Operation[]): (method: string, target: string) => Found {
  const router = findMyWay({ maxParamLength: parameterCharsMax, onBadUrl: unused })
  for (const [path, sharing] of Map.groupBy(operations, one => one.path)) {
    // One method stands for all: which of them a path takes has to be told.
    const byMethod = new Map<string, Operation>(sharing.map(one => [one.method, one]))
    router.on('GET', path.replaceAll(/\{(\w+)\}/g, ':$1'), unused, byMethod)
  }
  return (method, target) => {
    const found = router.find('GET', target)
    if (found === null) return unknownPath
    const byMethod = found.store as ReadonlyMap<string, Operation> | null
    if (byMethod === null) return unreadablePath
    const operation = byMethod.get(method === 'HEAD' ? 'GET' : method)
    if (operation !== undefined) return { operation, parameters: found.params }
    const allow = [...byMethod.keys()].flatMap(one => one === 'GET' ? ['GET', 'HEAD'] : one).join(', ')
    return new Problem('method-not-allowed', `this path takes ${allow}`, { allow })
  }
}

function unused (): void {}

type Serve = (request: IncomingMessage, response: ServerResponse) => void

function createServer (tls: SecureContextOptions | undefined, serve: Serve): Server | HttpsServer {
  const limits: ServerOptions = {
    maxHeaderSize: headerBytesMax, headersTimeout: requestMs, requestTimeout: requestMs, keepAliveTimeout: requestMs,
    // A request without Host is refused like any other that names the wrong one.
    connectionsCheckingInterval: 1_000, insecureHTTPParser: false, requireHostHeader: false
  }
  const server = tls === undefined
    ? createHttpServer(limits, serve)
    : createHttpsServer({ ...limits, ...tls, handshakeTimeout: requestMs }, serve)
  server.maxConnections = connectionsMax
  server.maxRequestsPerSocket = 1_000
  server.setTimeout(2 * requestMs)
  server.on('clientError', (error, socket) => { sendRaw(error, socket as Socket) })
  return server
}

type Place = Pick<AdminServerOptions, 'host' | 'port'>

function listen (server: Server | HttpsServer, { host, port }: Place): Promise<Place> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve({ host, port: (server.address() as AddressInfo).port })
    })
  })
}
