// Begins a sign-in: remembers it in this browser and sends the browser to Postern.

import { startSignIn } from "@postern/client/server";
import { NextResponse } from "next/server";

import { PENDING, client, cookie } from "../../../../lib/postern";

export async function GET() {
  const { url, pending } = await startSignIn(client);
  const answer = NextResponse.redirect(url);
  answer.cookies.set(PENDING, JSON.stringify(pending), cookie("/api/auth", 600));
  return answer;
}
