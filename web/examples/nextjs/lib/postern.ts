// The settings of this application, and the cookies that it keeps.

import { cookies } from "next/headers";

/** This application's own address, as browsers see it. */
export const application = process.env.APPLICATION_URL ?? "http://localhost:3000";

/** What both steps of a sign-in need. */
export const client = {
  base: process.env.POSTERN_API ?? "http://localhost:9000",
  redirectUri: `${application}/api/auth/callback`,
  clientId: "nextjs-example",
};

/** What a sign-in under way must remember; only the routes below /api/auth get it. */
export const PENDING = "sign-in";
/** Postern's session token. No script of a page can read it, and it never leaves the server else. */
export const SESSION = "session";

/** A cookie for this browser alone. */
export const cookie = (path: string, maxAge: number) => ({
  httpOnly: true,
  sameSite: "lax" as const,
  secure: application.startsWith("https:"),
  path,
  maxAge,
});

/** The session token of the browser that asks. */
export async function sessionToken(): Promise<string | undefined> {
  return (await cookies()).get(SESSION)?.value;
}
