"""The topics that a recipient can choose from, in words."""

from collections.abc import Callable, Collection

from aftercart.campaigns.loader import Campaigns
from aftercart.campaigns.schema import DEFAULT_TOPIC
from aftercart.campaigns.topics import topics_owed
from aftercart.web.recipient_pages import RecipientPages


class Topics:
    """Those that the brand file lists; without a list, those that campaigns name. Only of marketing: what is owed to a
    reader comes whatever they choose."""

    def __init__(self, campaigns: Callable[[], Campaigns]) -> None:
        self._campaigns = campaigns

    def ids(self, of_the_mail: str = "") -> tuple[str, ...]:
        """Their names in files, that of a mail among them, which may be gone from the files since."""
        campaigns = self._campaigns()
        listed = [topic.id for topic in campaigns.brand.topics]
        used = [campaign.topic for campaign in campaigns.by_name.values() if campaign.status != "draft"]
        wanted = [*(listed or used), *([of_the_mail] if of_the_mail else [])]
        owed = topics_owed(campaigns.by_name.values())
        return tuple(dict.fromkeys(topic for topic in wanted if topic not in owed)) or (DEFAULT_TOPIC,)

    def name(self, topic_id: str, pages: RecipientPages) -> str:
        """What a reader calls it."""
        brand = self._campaigns().brand
        for topic in brand.topics:
            if topic.id == topic_id:
                return topic.name.for_locale(pages.language, brand.locale)
        if topic_id == DEFAULT_TOPIC:
            return pages.words("What goes with your orders")
        return topic_id.replace("-", " ").replace("_", " ").capitalize()

    def description(self, topic_id: str, pages: RecipientPages) -> str:
        """One sentence more; empty where there is none."""
        brand = self._campaigns().brand
        said = next((topic.description for topic in brand.topics if topic.id == topic_id), None)
        return said.for_locale(pages.language, brand.locale) if said else ""

    def names(self, ids: Collection[str], pages: RecipientPages) -> list[str]:
        """Those of several, in the order of the files."""
        return [self.name(id_, pages) for id_ in self.ids() if id_ in ids]
