// sluice status: asks a running gateway how it is, through its admin listener.

import type { Command } from 'commander'
import { showBytes } from '../config/byte-size.ts'
import { listAt, numberAt, recordAt, textAt } from '../config/lookup.ts'
import { askAdmin, withAdminOptions } from './admin-call.ts'
import type { AdminOptions } from './admin-call.ts'
import { exitCodes } from './exit-codes.ts'
import { listenerAddress } from './listener-address.ts'
import { visibleLine } from './terminal.ts'
import type { Colors } from './terminal.ts'
import type { Cli } from './verb.ts'

export function addStatus (program: Command, cli: Cli): void {
  withAdminOptions(program.command('status'))
    .description('ask a running gateway how it is; ends with 1 where it is unavailable')
    .addHelpText('after', '\nExample:\n  sluice status -c sluice.yaml --token-file ./admin-token')
    .action((options: AdminOptions) => status(options, cli))
}

async function status (options: AdminOptions, cli: Cli): Promise<void> {
  const answer = await askAdmin({ method: 'GET', path: '/v1/status' }, options, cli)
  if (answer === undefined) return
  if (textAt(answer, 'status') === 'unavailable') cli.exitCode = exitCodes.failure.code
  await cli.terminal.print(options.json === true ? JSON.stringify(answer) : render(answer, cli.terminal.color))
}

function render (answer: unknown, color: Colors): string {
  const show = (...path: string[]): string => visibleLine(textAt(answer, ...path) ?? 'unknown')
  const state = show('status')
  const reasons = listAt(answer, 'reasons').map((reason) => visibleLine(String(reason)))
  const { alive, wanted, restarts } = recordAt(answer, 'workers')
  const ready = recordAt(answer, 'sink').ready === true ? 'ready' : `not ready: ${show('sink', 'reason')}`
  const limitBytes = numberAt(answer, 'budget', 'limitBytes') ?? 0
  const used = ((numberAt(answer, 'budget', 'usedBytes') ?? 0) / Math.max(1, limitBytes) * 100).toFixed(1)
  return [
    `${state === 'ok' ? color.green(state) : color.red(state)}${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}`,
    `version    ${show('version')}, config ${show('configHash')}`,
    `running    ${duration(numberAt(answer, 'uptimeSeconds') ?? 0)}, since ${show('startedAt')}`,
    `workers    ${Number(alive)} of ${Number(wanted)}, ${Number(restarts)} replaced`,
    `listeners  ${listAt(answer, 'listeners').map(listenerOf).join('\n           ')}`,
    `sink       ${show('sink', 'kind')}, ${ready}`,
    `budget     ${used}% of ${showBytes(limitBytes)} in use`
  ].join('\n')
}

function listenerOf (listener: unknown): string {
  const protocol = textAt(listener, 'protocol') ?? ''
  const address = listenerAddress({
    protocol, host: textAt(listener, 'host') ?? '', port: numberAt(listener, 'port') ?? 0,
    secure: recordAt(listener).secure === true
  })
  return visibleLine(`${protocol} ${address}`)
}

function duration (seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`
  if (hours > 0) return `${hours} h ${minutes % 60} min`
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`
}
