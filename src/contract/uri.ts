// The syntax of URIs and URI references (RFC 3986), as CloudEvents attributes need it.

const unreservedOrSub = "[\\w.~!$&'()*+,;=-]"
const percent = '%[0-9A-Fa-f]{2}'
const pchar = `(?:[\\w.~!$&'()*+,;=:@-]|${percent})`
const authority = `//(?:(?:[\\w.~!$&'()*+,;=:-]|${percent})*@)?` +
  `(?:\\[[0-9A-Fa-fv.:]+\\]|(?:${unreservedOrSub}|${percent})*)(?::[0-9]*)?`
const queryAndFragment = `(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?`
const segments = `(?:/${pchar}*)*`
const rootless = `(?!//)${pchar}*${segments}`
const absolute = new RegExp(`^[A-Za-z][A-Za-z0-9+.-]*:(?:${authority}${segments}|${rootless})${queryAndFragment}$`)
// Without a scheme the first segment has no colon (RFC 3986 4.2).
const relative = new RegExp(
  `^(?:${authority}${segments}|(?!//)(?:[\\w.~!$&'()*+,;=@-]|${percent})*${segments})${queryAndFragment}$`
)
const plainPath = /^\/?[\w.~-]+(?:\/[\w.~-]+)*$/

/** True for a URI with a scheme. A fragment is let through: many schemas are named by one. */
export function isUri (text: string): boolean {
  return absolute.test(text)
}

/** True for a URI or a relative reference (RFC 3986 4.1), the empty one included. */
export function isUriReference (text: string): boolean {
  return plainPath.test(text) || absolute.test(text) || relative.test(text)
}
