"""A known vulnerability is reported, and a skipped package does not count as audited."""

from tests.audit.dependencies import findings


def test_findings_count_only_packages_that_were_looked_up() -> None:
    found = {"id": "CVE-1", "fix_versions": ["2"]}
    report = {
        "dependencies": [
            {"name": "good", "version": "1", "vulns": []},
            {"name": "bad", "version": "1", "vulns": [found]},
            {"name": "unknown", "skip_reason": "not found"},
        ]
    }
    assert findings(report) == (2, ["bad 1: CVE-1, mended in ['2']"])
    assert findings({"dependencies": [{"name": "unknown", "skip_reason": "x"}]}) == (0, [])
