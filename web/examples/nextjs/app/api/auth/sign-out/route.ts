// Ends the session here and at Postern. A form of another site cannot: the cookie is SameSite=Lax.

import { PosternError } from "@postern/client";
import { createServerClient } from "@postern/client/server";
import { NextResponse } from "next/server";

import { SESSION, application, client, cookie, sessionToken } from "../../../../lib/postern";

export async function POST() {
  const token = await sessionToken();
  const home = new URL("/", application);
  try {
    if (token) await createServerClient({ base: client.base, token }).signOut();
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    // A 401: the session had ended already. Else it lives on at Postern: keep it, and say why.
    if (error.status !== 401) {
      home.searchParams.set("problem", error.code);
      return NextResponse.redirect(home, 303);
    }
  }
  const answer = NextResponse.redirect(home, 303);
  answer.cookies.set(SESSION, "", cookie("/", 0));
  return answer;
}
