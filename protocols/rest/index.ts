// The REST door: HTTP requests in, receipts and problem documents out. Its sockets belong to src/listen.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import findMyWay from 'find-my-way'
import type { Adapter, AdapterModule, AdapterSetup, Listening } from '../../src/contract/adapter.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { serve } from './admission.ts'
import { compileAlias, eventsChannel } from './alias.ts'
import type { Alias } from './alias.ts'
import { aliasConfig, restConfig } from './config.ts'
import type { RestConfig } from './config.ts'
import { createCors } from './cors.ts'
import { Door } from './door.ts'
import { Exchange } from './exchange.ts'
import { openapiText } from './openapi.ts'
import { answerRaw, parserProblem } from './parser-errors.ts'
import { doorProblem, problemOf } from './reply.ts'
import { rehearse } from './rehearsal.ts'
import { RequestQueue } from './request-queue.ts'
import { deadEnd, targetOf } from './target.ts'
import type { Operation, Target } from './target.ts'

/** The paths of the door itself. */
const eventsPath = '/v1/events/*'
const openapiPath = '/openapi.json'

/** For targets that the router cannot read. */
const unreadableTarget = deadEnd(problemOf(refuse('malformed', 'the path is not valid percent-encoded UTF-8')))
const unknownTarget = deadEnd(doorProblem('unknown-path', 'nothing is served here; send events to /v1/events/{channel}'))
const expectation = doorProblem('expectation-failed', 'the only expectation understood here is 100-continue')
const noTunnel = doorProblem('method-not-allowed', 'CONNECT is not served here')

export const rest: AdapterModule<RestConfig> = {
  name: 'rest',
  protocol: 'http',
  config: restConfig,
  routeConfig: { http: aliasConfig },
  create: createRest,
  rehearse
}

function createRest (setup: AdapterSetup<RestConfig>): Adapter {
  const { config, ingress, log } = setup
  const targets = targetsOf(setup)
  const door = new Door(config, ingress, log, createCors(config.cors, methodsOf(targets)))
  const find = createFinder(targets)
  return {
    attach (listening) {
      door.start()
      attachServer(listening, door, find)
    },
    drain: () => door.drain(),
    gauges: new Map([
      ['requests_in_flight', () => door.liveCount],
      ['reserved_bytes', () => door.reservedBytes],
      ['streams_open', () => door.streamsCount]
    ])
  }
}

/** Every method that something here is served under. */
function methodsOf (targets: ReadonlyMap<string, Target>): string[] {
  return [...new Set([...targets.values()].flatMap(({ operations }) => [...operations.keys()]))].sort()
}

/** Every path that is served, in the syntax of the router. Throws where two routes claim one address. */
function targetsOf (setup: AdapterSetup<RestConfig>): Map<string, Target> {
  const aliases = setup.routes.flatMap(route => compileAlias(route) ?? [])
  const targets = new Map<string, Target>()
  targets.set(eventsPath, targetOf(new Map([['POST', { kind: 'publish', channelOf: eventsChannel, kong: false }]])))
  if (setup.config.openapi) {
    const text = openapiText({ aliases, config: setup.config, version: setup.version })
    const operation: Operation = { kind: 'document', text: () => text }
    targets.set(openapiPath, targetOf(new Map([['GET', operation], ['HEAD', operation]])))
  }
  for (const [path, sharing] of Map.groupBy(aliases, alias => alias.routerPath)) targets.set(path, aliasTarget(sharing))
  return targets
}

function aliasTarget (aliases: readonly Alias[]): Target {
  const operations = new Map<string, Operation>()
  for (const { methods, path, channelOf, kong, routeName } of aliases) {
    for (const method of methods) {
      if (operations.has(method)) {
        throw new Error(`route ${routeName}: ${method} ${path} is the alias of another route already`)
      }
      operations.set(method, { kind: 'publish', channelOf, kong })
    }
  }
  return targetOf(operations)
}

/** Tells what stands under a request target, whatever the method. */
type Finder = (requestTarget: string) => Target

function createFinder (targets: ReadonlyMap<string, Target>): Finder {
  const router = findMyWay({
    // Checked before by urlBytesMax.
    maxParamLength: 65_536,
    querystringParser: noQuery,
    // Has no store, by which it is recognised.
    onBadUrl: unused
  })
  // One method stands for all: which of them a target takes is its own affair, for it has to say so.
  for (const [path, target] of targets) router.on('GET', path, unused, target)
  return requestTarget => {
    const found = router.find('GET', requestTarget)
    return found === null ? unknownTarget : found.store as Target | null ?? unreadableTarget
  }
}

function unused (): void {}

const nothing = {}
function noQuery (): Record<string, unknown> { return nothing }

/** Where a socket keeps its queue. */
const queueKey = Symbol('queue')
interface Queued { [queueKey]?: RequestQueue<Exchange> }

function attachServer (listening: Listening, door: Door, find: Finder): void {
  const server = listening.server as Server
  const { requestsInFlightMax } = door.config
  const queueOf = (socket: Socket & Queued): RequestQueue<Exchange> =>
    (socket[queueKey] ??= new RequestQueue(socket, requestsInFlightMax))
  /** Acts on each request, in its turn. */
  const taking = (act: (exchange: Exchange) => void, awaitsContinue: boolean) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      const queue = queueOf(request.socket)
      const begin = (): void => {
        const exchange = new Exchange(door, request, response, { listening, queue })
        exchange.awaitsContinue = awaitsContinue
        queue.last = exchange
        act(exchange)
      }
      if (queue.admits()) begin()
      else queue.wait(begin)
    }
  const serveIt = (exchange: Exchange): void => { serve(exchange, find(exchange.request.url ?? '')) }
  server.on('request', taking(serveIt, false))
  server.on('checkContinue', taking(serveIt, true))
  server.on('checkExpectation', taking(exchange => { exchange.problem(expectation) }, true))
  server.on('connect', (_request, socket) => {
    answerRaw(socket as Socket, noTunnel, door.requestId(undefined), 'allow: POST\r\n')
  })
  server.on('clientError', (error, socket) => { onParserError(error, socket as Socket & Queued, door) })
}

/** The last exchange of the connection decides: it may be reading the bytes that are wrong, or wait for its outcome. */
function onParserError (error: Error & { code?: unknown }, socket: Socket & Queued, door: Door): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const queue = socket[queueKey]
  queue?.drop()
  const exchange = queue?.last
  const problem = parserProblem(error)
  if (exchange === undefined || (exchange.phase === 'done' && exchange.response.writableFinished)) {
    return answerRaw(socket, problem, door.requestId(undefined))
  }
  // An answer that waits behind those of earlier requests: a raw one now would be taken for the first of them.
  if (exchange.phase === 'done') exchange.response.once('finish', () => { socket.destroySoon() })
  else exchange.broken(problem)
}
