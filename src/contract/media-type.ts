// The essence of a Content-Type: what kind of data it is, without parameters.

/** `type/subtype` in lower case without parameters and outer space (RFC 9110 8.3.1); '' for none. Refuses nothing. */
export function mediaType (contentType: string | undefined): string {
  if (contentType === undefined) return ''
  const at = contentType.indexOf(';')
  return (at === -1 ? contentType : contentType.slice(0, at)).trim().toLowerCase()
}

/** True where an essence promises JSON: the subtype `json`, or one that ends in `+json` (RFC 6839 3.1). */
export function isJson (essence: string): boolean {
  return essence.endsWith('/json') || essence.endsWith('+json')
}
