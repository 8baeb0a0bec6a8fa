// Ends the session here and at Postern. A form of another site cannot: the cookie is SameSite=Lax.

import { createServerClient } from "@postern/client/server";
import { NextResponse } from "next/server";

import { SESSION, application, client, cookie, sessionToken } from "../../../../lib/postern";

export async function POST() {
  const token = await sessionToken();
  if (token) await createServerClient({ base: client.base, token }).signOut();
  const answer = NextResponse.redirect(new URL("/", application), 303);
  answer.cookies.set(SESSION, "", cookie("/", 0));
  return answer;
}
