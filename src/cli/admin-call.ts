// Asks the admin listener of a running gateway for a verb, and says in words why there is no answer.

import type { Command } from 'commander'
import { listAt, numberAt, textAt } from '../config/lookup.ts'
import { readTextFile } from '../config/text-file.ts'
import { looksWhole } from './api-key.ts'
import { defaultConfigPath, openConfig, reasonOf } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { call, readAll } from './http-call.ts'
import { commandLine } from './program.ts'
import { visibleLine } from './terminal.ts'
import type { Cli } from './verb.ts'

export interface AdminOptions {
  readonly config?: string
  readonly url?: string
  readonly tokenFile?: string
  readonly cacert?: string
  readonly json?: true
}

export interface AdminRequest {
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  readonly body?: object
}

const timeoutMs = 10_000

/** The options by which a verb finds the listener and proves itself. */
export function withAdminOptions (command: Command): Command {
  return command
    .option('-c, --config <file>', 'the config that the gateway runs with (default: sluice.yaml in this folder)')
    .option('--url <url>', 'the admin listener itself, in place of a config')
    .option('--token-file <file>', 'a file with the admin token (or set SLUICE_ADMIN_TOKEN)')
    .option('--cacert <file>', 'PEM file of the authorities to trust')
    .option('--json', 'print the answer as one line of JSON')
}

/** Why there is no answer, for the operator. */
class NoAnswer extends Error {
  readonly exitCode: number
  constructor (message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The answer; undefined where there is none, which has been told, and the exit code set, by then. */
export async function askAdmin (request: AdminRequest, options: AdminOptions, cli: Cli): Promise<unknown> {
  try {
    const base = options.url === undefined ? await configuredBase(options.config, cli) : namedBase(options.url)
    return await ask(request, { base, token: tokenOf(options, cli), caFile: options.cacert })
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    cli.exitCode = error.exitCode
    cli.terminal.tell(error.message)
    return undefined
  }
}

function namedBase (url: string): string {
  if (URL.canParse(url) && /^https?:/.test(url)) return url.replace(/\/+$/, '')
  throw new NoAnswer(`--url is no http or https address: ${visibleLine(url)}`, exitCodes.usage.code)
}

async function configuredBase (named: string | undefined, { terminal }: Cli): Promise<string> {
  const opened = await openConfig(named, terminal.env)
  if ('exitCode' in opened) {
    throw new NoAnswer(`${opened.text}\nor name the admin listener: --url http://127.0.0.1:9901`, opened.exitCode)
  }
  const listener = listAt(opened.origin.document, 'listeners').find(one => textAt(one, 'protocol') === 'admin')
  if (listener === undefined) throw new NoAnswer(noListener(named ?? defaultConfigPath), exitCodes.config.code)
  const host = textAt(listener, 'host') ?? '127.0.0.1'
  const port = numberAt(listener, 'port') ?? 0
  if (port === 0) {
    throw new NoAnswer('the admin listener takes a free port at each start: name the present one with --url', exitCodes.usage.code)
  }
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const secure = typeof listener === 'object' && listener !== null && 'tls' in listener
  return `${secure ? 'https' : 'http'}://${reached.includes(':') ? `[${reached}]` : reached}:${port}`
}

function noListener (path: string): string {
  return [
    `${visibleLine(path)} has no admin listener. Add one, and the hash that \`${commandLine('key new')}\` prints:`,
    '  listeners:', '    - { protocol: admin, port: 9901 }', '  admin: { tokens: [ "sha256:..." ] }'
  ].join('\n')
}

function tokenOf ({ tokenFile }: AdminOptions, { terminal }: Cli): string {
  const token = tokenFile === undefined ? terminal.env.SLUICE_ADMIN_TOKEN : tokenIn(tokenFile)
  if (token === undefined || token === '') {
    throw new NoAnswer('there is no admin token: name a file with --token-file, or set SLUICE_ADMIN_TOKEN', exitCodes.usage.code)
  }
  // A header of its own must not come out of it.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new NoAnswer('the admin token has characters that no token has', exitCodes.usage.code)
  if (token.startsWith('sha256:')) {
    throw new NoAnswer('this is the hash of a token: the token is the key that was printed beside it', exitCodes.usage.code)
  }
  if (token.startsWith('sluice_') && !looksWhole(token)) {
    terminal.tell('this token is damaged: a character was lost or changed')
  }
  return token
}

function tokenIn (path: string): string {
  try {
    return readTextFile(path).trim()
  } catch (error) {
    throw new NoAnswer(`cannot read the token in ${visibleLine(path)}: ${reasonOf(error)}`, exitCodes.io.code)
  }
}

interface Target { readonly base: string, readonly token: string, readonly caFile: string | undefined }

async function ask ({ method, path, body }: AdminRequest, { base, token, caFile }: Target): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' })
  }
  const sent = body === undefined ? undefined : JSON.stringify(body)
  let status: number | undefined
  let text: string
  try {
    const answer = await call({ method, url: new URL(`${base}${path}`), headers, body: sent, caFile, timeoutMs })
    status = answer.statusCode
    text = await readAll(answer)
  } catch (error) {
    throw new NoAnswer(`no answer from ${visibleLine(base)}: ${reasonOf(error)}`, exitCodes.io.code)
  }
  const answer = parse(text)
  if (status === 200 && answer !== undefined) return answer
  throw new NoAnswer(refusalOf(status, answer, base), exitCodes.failure.code)
}

function refusalOf (status: number | undefined, answer: unknown, base: string): string {
  const detail = textAt(answer, 'detail')
  if (detail === undefined || textAt(answer, 'type')?.startsWith('urn:sluice:admin:') !== true) {
    return `what answers at ${visibleLine(base)} is no admin listener: status ${status}`
  }
  return status === 401
    ? 'the gateway does not know this token: its config needs the hash of it in admin.tokens, and a restart since'
    : visibleLine(detail)
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
