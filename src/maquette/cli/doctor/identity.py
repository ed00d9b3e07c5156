"""A check of who vouches for people."""

import asyncio

from maquette.cli.doctor.finding import Finding, broken, ok, skipped
from maquette.cli.doctor.scene import Scene


def providers(scene: Scene) -> Finding:
    """Do the OpenID providers answer with keys that can be used, seen from this machine."""
    from maquette.bootstrap import issuer_problems
    from maquette.domain.oidc import parse_issuers

    issuers = parse_issuers(scene.settings.oidc_issuers)
    if not issuers:
        return skipped("no OpenID provider is set: API keys alone are believed")
    problems = asyncio.run(issuer_problems(scene.settings))
    if problems:
        return broken(
            "; ".join(problems),
            "Check MAQUETTE_OIDC_ISSUERS, and MAQUETTE_OUTBOUND_ALLOW when the provider is on a private network.",
        )
    return ok(f"{', '.join(issuer.url for issuer in issuers)} can be asked for keys")
