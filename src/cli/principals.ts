// sluice principals: shows who may send to a running gateway, and disables or enables one of them at once.

import type { Command } from 'commander'
import { listAt, recordAt, textAt } from '../config/lookup.ts'
import { askAdmin, withAdminOptions } from './admin-call.ts'
import type { AdminOptions } from './admin-call.ts'
import { visibleLine } from './terminal.ts'
import type { Cli } from './verb.ts'

export function addPrincipals (program: Command, cli: Cli): void {
  const principals = program.command('principals')
    .description('show who may send to a running gateway, and disable or enable one of them').helpCommand(false)
  withAdminOptions(principals.command('list', { isDefault: true }))
    .description('print every principal of the config, and whoever is disabled')
    .addHelpText('after', '\nExample:\n  sluice principals list')
    .action((options: AdminOptions) => list(options, cli))
  for (const verb of ['disable', 'enable'] as const) {
    withAdminOptions(principals.command(verb))
      .description(verb === 'disable'
        ? 'refuse the next event of a principal, on all of its connections, until the gateway restarts'
        : 'take back a disable')
      .argument('<name>', 'the principal')
      .addHelpText('after', `\nExample:\n  sluice principals ${verb} factory-7`)
      .action((name: string, options: AdminOptions) => set(name, verb === 'disable', { options, cli }))
  }
}

async function list (options: AdminOptions, cli: Cli): Promise<void> {
  const answer = await askAdmin({ method: 'GET', path: '/v1/principals' }, options, cli)
  if (answer === undefined) return
  if (options.json === true) return cli.terminal.print(JSON.stringify(answer))
  for (const one of listAt(answer, 'principals')) await cli.terminal.print(lineOf(one))
}

function lineOf (principal: unknown): string {
  const { disabled, configured } = recordAt(principal)
  const groups = listAt(principal, 'groups').join(', ')
  const parts = [
    textAt(principal, 'name') ?? '', disabled === true ? 'disabled' : 'enabled',
    ...(groups === '' ? [] : [`groups: ${groups}`]), ...(configured === true ? [] : ['not in the config'])
  ]
  return visibleLine(parts.join('  '))
}

interface Setting { readonly options: AdminOptions, readonly cli: Cli }

async function set (name: string, disabled: boolean, { options, cli }: Setting): Promise<void> {
  const path = `/v1/principals/${encodeURIComponent(name)}`
  const answer = await askAdmin({ method: 'PUT', path, body: { disabled } }, options, cli)
  if (answer === undefined) return
  if (options.json === true) return cli.terminal.print(JSON.stringify(answer))
  await cli.terminal.print(lineOf(answer))
  if (recordAt(answer).configured !== true) {
    cli.terminal.tell('the config has no principal of this name: it means whoever a token calls so. Is it spelled right?')
  }
  if (disabled) cli.terminal.tell('until the gateway restarts: take it out of the config to make it last')
}
